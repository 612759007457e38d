"""Parts of reports."""


def table(header, rows):
    """Lines; cells are strings."""
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)] + \
        ["| " + " | ".join(row) + " |" for row in rows]
