"""How much memory a page needed at most."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def peak_of_page(browser: Any) -> int | None:
    """Bytes that the largest renderer process had resident at its peak, or None where there is no /proc.

    Every page has a renderer of its own, which its workers share. Those of earlier pages are gone with their contexts.
    The browser may keep a spare renderer, which is small, and one for its own interface, which does not count.
    """
    session = browser.new_browser_cdp_session()
    try:
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    finally:
        session.detach()
    peaks = [_peak(process["id"]) for process in processes if process["type"] == "renderer"]
    return max((peak for peak in peaks if peak is not None), default=None)


def _peak(process: int) -> int | None:
    folder = Path(f"/proc/{process}")
    try:
        if b"--top-chrome-webui" in (folder / "cmdline").read_bytes():
            return None
        lines = (folder / "status").read_text().splitlines()
    except OSError:  # no Linux, or the process has ended
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
