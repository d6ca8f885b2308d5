"""What server and renderer say to each other: frames of a length (4 bytes, big endian) and a MessagePack value."""

from __future__ import annotations

from datetime import datetime

import msgspec

from vibeworkbench.web.roles import Role

LENGTH_BYTES = 4


class RenderOrder(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The first and only frame to the renderer. As long as its stream is open, the render is wanted.

    Attributes:
        name: The dashboard's name.
        title: Its title.
        role: The lowest role that may see it.
        content: The notebook's file.
        folder: The kernel's working directory.
        environment: What the kernel's environment has beside the server's; holds a token, so it stands in no argument.
        page_bytes: Most that the notebook may put out, and that the page may have with its assets.
    """

    name: str
    title: str
    role: Role
    content: bytes
    folder: str
    environment: dict[str, str]
    page_bytes: int


class Advanced(msgspec.Struct, frozen=True, tag=True):
    """Another code cell was executed."""

    processed: int
    total: int


class Rendered(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The last frame of a render that went well; bodies are compressed with gzip.

    Attributes:
        page: The page.
        page_bytes: Its size, uncompressed.
        etag: Hash of the page.
        assets: File name → media type and body.
        rooms: The rooms that its panels need.
        rendered_at: When the notebook had been executed.
    """

    page: bytes
    page_bytes: int
    etag: str
    assets: dict[str, tuple[str, bytes]]
    rooms: tuple[tuple[str, str], ...]
    rendered_at: datetime


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The last frame of a render that did not."""

    reason: str
    error: str
    cell: int | None = None


Reply = Advanced | Rendered | Failed

_REPLY = msgspec.msgpack.Decoder(Reply)
_ORDER = msgspec.msgpack.Decoder(RenderOrder)


def framed(value: RenderOrder | Reply) -> bytes:
    """The frame that says ``value``."""
    body = msgspec.msgpack.encode(value)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def reply_of(body: bytes) -> Reply:
    """What the renderer said."""
    reply: Reply = _REPLY.decode(body)
    return reply


def order_of(body: bytes) -> RenderOrder:
    """What the renderer is to do."""
    return _ORDER.decode(body)
