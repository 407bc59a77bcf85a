"""Pickle objects by identity: a process that has the object gets it back; any other process creates it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

_identities: WeakKeyDictionary[object, str] = WeakKeyDictionary()
_objects: WeakValueDictionary[str, object] = WeakValueDictionary()
_lock = Lock()


def reduce_by_identity(
    own: object, create: Callable[..., object], settings: Mapping[str, Any]
) -> tuple[Callable[..., object], tuple[object, ...]]:
    """Return what ``__reduce__`` returns for an object: how another process creates it, with its settings."""
    with _lock:
        identity = _identities.setdefault(own, uuid4().hex)
        _objects[identity] = own
    return _find_or_create, (identity, create, dict(settings))


def _find_or_create(identity: str, create: Callable[..., object], settings: Mapping[str, Any]) -> object:
    with _lock:
        found = _objects.get(identity)
        if found is None:
            found = create(**settings)
            _identities[found], _objects[identity] = identity, found
    return found
