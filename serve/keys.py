"""API keys: kept as hashes in a small database that a running service reads as it changes."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nmt.errors import InvalidInput

SCOPES = ("translate", "metrics")
_TABLE = """CREATE TABLE IF NOT EXISTS keys (
    hash TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL, scopes TEXT NOT NULL,
    requests_per_minute INTEGER NOT NULL, characters_per_month INTEGER NOT NULL,
    created REAL NOT NULL, revoked REAL)"""


@dataclass(frozen=True)
class Key:
    """Who asks, what for, and how much of it; a limit of 0 is none."""

    hash: str
    name: str
    scopes: tuple[str, ...]
    requests_per_minute: int
    characters_per_month: int
    created: float
    revoked: float | None = None


class Keys:
    """All keys of a service. A key itself is shown once, and kept nowhere."""

    def __init__(self, path: Path) -> None:
        """The keys in a file, which is made if it does not exist."""
        self._path = path
        try:
            with closing(self._connect()) as database, database:
                database.execute(_TABLE)
        except sqlite3.Error as error:
            raise InvalidInput(f"{path} cannot hold API keys: {error}") from None

    def create(
        self,
        name: str,
        scopes: tuple[str, ...] = ("translate",),
        requests_per_minute: int = 0,
        characters_per_month: int = 0,
    ) -> str:
        """A new key; InvalidInput if there is one of that name."""
        # 32 random bytes cannot be guessed, so a plain hash keeps them.
        key = secrets.token_urlsafe(32)
        row = (_hash(key), name, " ".join(scopes), requests_per_minute, characters_per_month)
        with closing(self._connect()) as database, database:
            try:
                database.execute(
                    "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, NULL)", (*row, time.time())
                )
            except sqlite3.IntegrityError:
                raise InvalidInput(f"there is a key of the name {name!r} already") from None
        return key

    def revoke(self, name: str) -> None:
        """Take a key back; InvalidInput if there is none of that name."""
        with closing(self._connect()) as database, database:
            change = "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL"
            if not database.execute(change, (time.time(), name)).rowcount:
                raise InvalidInput(f"there is no key of the name {name!r} to revoke")

    def all(self) -> list[Key]:
        """All keys, revoked ones included, the oldest first."""
        with closing(self._connect()) as database:
            rows = database.execute("SELECT * FROM keys ORDER BY created").fetchall()
        return [_key(row) for row in rows]

    def find(self, key: str) -> Key | None:
        """What is known of a key; None if it is not valid, or no longer."""
        with closing(self._connect()) as database:
            row = database.execute(
                "SELECT * FROM keys WHERE hash = ? AND revoked IS NULL", (_hash(key),)
            ).fetchone()
        return _key(row) if row else None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _key(row: tuple[str, str, str, int, int, float, float | None]) -> Key:
    return Key(row[0], row[1], tuple(row[2].split()), *row[3:])
