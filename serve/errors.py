"""What can go wrong with a request besides its languages and texts."""

from nmt.errors import MacaronicError


class InvalidRequest(MacaronicError):
    """The body, a field or a size of a request is not what the route takes."""


class BodyTooLarge(MacaronicError):
    """A request body with more bytes than are read."""


class NotReady(MacaronicError):
    """The model is not loaded, so nothing can be translated yet."""


class TookTooLong(MacaronicError):
    """A request was given up because its time ran out."""


class ClientLeft(MacaronicError):
    """The client closed the connection, so there is nobody to answer."""


class CannotServe(MacaronicError):
    """The service cannot start at the address asked for."""


class HeadersTooLarge(MacaronicError):
    """A request whose head is longer than is read."""


class InvalidKey(MacaronicError):
    """A key is needed, and there is none or it is not valid for this."""


class Forbidden(MacaronicError):
    """What was asked for is turned off here."""


class NotFound(MacaronicError):
    """There is nothing of that name, or no longer."""


class TooManyRequests(MacaronicError):
    """A client asks more often than it may."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QuotaExceeded(TooManyRequests):
    """A key has used up its characters."""
