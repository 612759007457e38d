"""How a graft.v1.Recipe moves the rate, by formulas of its own: see common/recipe/schedule.h."""
import math


def cosine(options):
    last = options.get("final_fraction", 0)
    return lambda done: last + (1 - last) / 2 * (1 + math.cos(math.pi * done))


def steps_down(options):
    return lambda done: options["factor"] ** sum(done >= place for place in options["milestones"])


SHAPES = {"constant": lambda options: lambda done: 1, "cosine": cosine, "step": steps_down}


def moves(recipe):
    return recipe["schedule"] != "constant"


def factor(recipe, steps_per_epoch):
    """What the rate is multiplied by, as a function of the step, from 0."""
    options, epochs = recipe.get("schedule_options", {}), recipe.get("epochs", 1)
    shape = SHAPES[recipe["schedule"]](options)
    warm_up = options.get("warmup_epochs", 0)
    whole_epochs = recipe["schedule"] == "cosine" and not options.get("each_step")

    def at(step):
        epoch = step // steps_per_epoch if whole_epochs else step / steps_per_epoch
        found = shape(max(0, epoch - warm_up) / (epochs - warm_up))
        return found * min(1, (step + 1) / (warm_up * steps_per_epoch)) if warm_up else found
    return at
