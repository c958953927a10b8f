"""The tests that every store passes, for authors of stores.

    class TestMyStore(StoreContract):
        async def open_store(self, namespace):
            return MyStore(namespace=namespace)

    class TestMyStoreStepped(TestMyStore):
        colour = "blocking"

What the port says stands in ``freshly.core.ports``; what is meant by it, here.
"""

from .entries import Entries
from .holds import Holding
from .invalidations import Invalidations
from .leases import Leasing
from .many import Many
from .names import Names
from .puts import Puts
from .races import Races
from .renewals import Renewals
from .sharing import Isolation, Sharing
from .values import Values

__all__ = ["SharedStoreContract", "StoreContract"]


class StoreContract(
    Entries,
    Puts,
    Renewals,
    Many,
    Invalidations,
    Holding,
    Leasing,
    Races,
    Names,
    Values,
    Isolation,
):
    """Subclass it, say how to ``open_store``, and run it with any test runner.

    ``colour = "blocking"`` steps the same stories as the blocking face does. Override ``pass_time``
    if the store's clock can be moved by hand; otherwise the stories wait a few ``moment`` seconds.
    """


class SharedStoreContract(StoreContract, Sharing):
    """``StoreContract``, and what two processes may expect of one namespace."""
