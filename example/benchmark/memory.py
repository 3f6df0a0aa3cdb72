"""How much memory a page needed at most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def renderers(browser: Any) -> list[int]:
    """The renderer processes. Every page has one of its own, which its workers share; those of earlier pages are gone with their contexts.

    The browser may keep a spare one, which is small, and one for its own interface, which `peak_of_page` does not count.
    To ask takes the browser 13 ms of processor time.
    """
    session = browser.new_browser_cdp_session()
    try:
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    finally:
        session.detach()
    return [process["id"] for process in processes if process["type"] == "renderer"]


def peak_of_page(processes: Sequence[int]) -> int | None:
    """Bytes that the largest of `processes` had resident at its peak, or None where there is no /proc."""
    return max(filter(None, map(_peak, processes)), default=None)


def _peak(process: int) -> int | None:
    folder = Path(f"/proc/{process}")
    try:
        if b"--top-chrome-webui" in (folder / "cmdline").read_bytes():
            return None
        lines = (folder / "status").read_text().splitlines()
    except OSError:  # no Linux, or the process has ended
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
