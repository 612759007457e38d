"""Whether Graft and PyTorch learn the same from the same weights, images and recipe."""
import statistics

# The loss at the end is the mean of so many steps.
LAST = 5


def compare(setting, steps):
    """The record of one network."""
    with setting.start_graft() as graft, setting.start_torch() as torch:
        losses = graft.ask("losses", steps)["losses"]
        expected = torch.ask("losses", steps)["losses"]
    differences = [abs(a - b) / abs(b) for a, b in zip(losses, expected)]
    return {"network": setting.name, "batch": setting.batch, "threads": setting.threads,
            "recipe": setting.recipe, "steps": steps, "largest_difference": max(differences),
            "fall": 1 - statistics.mean(expected[-LAST:]) / expected[0],
            "losses": losses, "losses_pytorch": expected}


def text(record):
    return (f"{record['network']}, batch {record['batch']}: over {record['steps']} steps the losses "
            f"differ by at most {record['largest_difference']:.1e}, and fall by "
            f"{100 * record['fall']:.0f} % from {record['losses'][0]:.3f}")
