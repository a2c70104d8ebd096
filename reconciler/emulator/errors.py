"""Reasons for which the core refuses a request; each API version gives them its own codes."""


class RefusedError(Exception):
    """Base of every expected refusal; the text is the message that the caller reads."""


class NameTakenError(RefusedError):
    """Another job of the project and workspace bears the name."""


class NotFoundError(RefusedError):
    """The job or version does not exist."""


class AlreadyDeletingError(RefusedError):
    """A delete of the object was accepted before and is still under way."""


class QuotaExceededError(RefusedError):
    """The project holds as many jobs as it may."""


class NotAllowedError(RefusedError):
    """The object's status does not permit the operation."""


class InvalidPathError(RefusedError):
    """A path that names nothing usable inside the project's buckets.

    The text is the one that the platform was seen to answer.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"Invalid OBS path '{path}'.")
        self.path = path
