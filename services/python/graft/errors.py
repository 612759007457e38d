"""What goes wrong: one exception for all of it."""
from typing import NamedTuple


class FieldViolation(NamedTuple):
    """A bad field of a request: its path in proto names (`recipe.epochs`) and what is wrong."""

    field: str
    description: str


class GraftError(Exception):
    """A call that failed, here or in the cluster.

    Attributes:
        code: name of the gRPC status code, for example `NOT_FOUND` or `INVALID_ARGUMENT`.
        message: what happened, for people.
        reason: cause for programs, for example `UNKNOWN_DATASET`; empty if the code says it all.
        violations: the fields that are bad, where the error is about fields.
    """

    def __init__(
        self,
        code: str,
        message: str,
        reason: str = "",
        violations: tuple[FieldViolation, ...] = (),
    ) -> None:
        super().__init__(code, message, reason, violations)
        self.code = code
        self.message = message
        self.reason = reason
        self.violations = violations

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def invalid_field(field: str, description: str) -> GraftError:
    """INVALID_ARGUMENT with one violation."""
    return GraftError(
        "INVALID_ARGUMENT",
        f"{field}: {description}" if field else description,
        violations=(FieldViolation(field, description),),
    )
