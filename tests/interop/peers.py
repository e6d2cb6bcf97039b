"""Each JavaScript package beside the part of ours that does the same."""

from dataclasses import dataclass
from typing import Any

from iron_session import seal_data, unseal_data
from iron_session.seals import seal, unseal
from tests.interop.node import Driver

SESSION_PACKAGES = ["iron-session-9", "iron-session-8"]
PROTOCOL_PACKAGES = ["@hapi/iron", "iron-webcrypto"]
PACKAGES = SESSION_PACKAGES + PROTOCOL_PACKAGES


@dataclass(frozen=True)
class Peer:
    """One JavaScript package ("there") and what answers to it in ours ("here")."""

    package: str
    driver: Driver

    @property
    def seals_sessions(self) -> bool:
        """Whether the package is iron-session, and not the protocol beneath it."""
        return self.package in SESSION_PACKAGES

    def seal_there(self, data: Any, password: str) -> str:
        """Seal in Node."""
        if self.seals_sessions:
            return self.driver.seal_data(self.package, data, password)
        return self.driver.seal(self.package, data, password)

    def unseal_there(self, text: str, password: str) -> Any:
        """Unseal in Node."""
        if self.seals_sessions:
            return self.driver.unseal_data(self.package, text, password).data
        return self.driver.unseal(self.package, text, password)

    def seal_here(self, data: Any, password: str) -> str:
        """Seal in Python."""
        if self.seals_sessions:
            return seal_data(data, password=password)
        return seal(data, password)

    def unseal_here(self, text: str, password: str) -> Any:
        """Unseal in Python."""
        if self.seals_sessions:
            return unseal_data(text, password=password)
        return unseal(text, password)
