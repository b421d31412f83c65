"""Who may ask, and how often: keys, rates and quotas."""

from __future__ import annotations

import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute, RateLimitItemPerMonth
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from nmt.errors import ConfigError
from serve.errors import InvalidKey, QuotaExceeded, TooManyRequests
from serve.keys import Key, Keys
from serve.settings import Settings

ANYBODY = "anonymous"


@dataclass(frozen=True)
class Usage:
    """Characters of this month, and how many there may be; 0: any number."""

    characters: int
    limit: int


class Guard:
    """Counts what clients ask for, in memory or in Redis, and refuses what is too much."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = Keys(settings.keys) if settings.keys else None
        try:
            storage = storage_from_string(f"async+{settings.storage}")
        except (ConfigurationError, ModuleNotFoundError) as error:
            raise ConfigError(f"storage cannot be {settings.storage!r}: {error}") from None
        assert isinstance(storage, Storage)
        self._rates = MovingWindowRateLimiter(storage)
        self._quotas = FixedWindowRateLimiter(storage)

    async def admit(
        self, key: str | None, address: str, scope: str, texts: int, characters: int
    ) -> None:
        """Count a request, or raise InvalidKey, TooManyRequests or QuotaExceeded."""
        found = self.known(key, scope)
        name = found.name if found else address
        rate = (found and found.requests_per_minute) or self._settings.requests_per_minute
        if rate:
            item = RateLimitItemPerMinute(rate)
            if not await self._rates.hit(item, name, cost=min(texts, rate)):
                reset = (await self._rates.get_window_stats(item, name)).reset_time
                seconds = max(1, round(reset - time.time()))
                raise TooManyRequests(f"Slowdown: {rate} requests per 1 minute", seconds)
        quota = found.characters_per_month if found else 0
        # Without a limit they are counted all the same, for whoever asks what was used.
        item_of_month = RateLimitItemPerMonth(quota or 2**62)
        owner = name if found else ANYBODY
        if not await self._quotas.hit(item_of_month, owner, cost=max(1, characters)):
            reset = (await self._quotas.get_window_stats(item_of_month, owner)).reset_time
            seconds = max(1, round(reset - time.time()))
            raise QuotaExceeded(f"Quota exceeded: {quota} characters per month", seconds)

    async def usage(self, key: str | None) -> Usage:
        """What a key has used this month."""
        found = self.known(key, "translate")
        limit = found.characters_per_month if found else 0
        item = RateLimitItemPerMonth(limit or 2**62)
        window = await self._quotas.get_window_stats(item, found.name if found else ANYBODY)
        return Usage(item.amount - window.remaining, limit)

    def known(self, key: str | None, scope: str) -> Key | None:
        """The key's owner, None for anybody; InvalidKey if that is not allowed."""
        if self._keys is None:
            return None
        if not key:
            if self._settings.require_key:
                raise InvalidKey("Please contact the server operator to get an API key")
            return None
        found = self._keys.find(key)
        if found is None or scope not in found.scopes:
            raise InvalidKey("Invalid API key")
        return found
