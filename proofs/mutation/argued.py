"""Changes of the core that change nothing which a caller, a store or an observer can see, and why.

What is here is not counted as noticed. It is named as ``Site.name`` has it: the file, the function and
the change, without the line.
"""

from __future__ import annotations

ARGUED: dict[str, str] = {}
