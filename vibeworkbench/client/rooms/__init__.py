"""Live rooms: joined once, kept joined, every recorded message once and in order."""

from vibeworkbench.client.rooms.model import Connection, Message, Timing
from vibeworkbench.client.rooms.subscription import RoomSubscription

__all__ = ["Connection", "Message", "RoomSubscription", "Timing"]
