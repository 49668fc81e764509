"""A disk that fails at will, for a service that is started on it."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).parent / "faults" / "faulty_disk.c"


class FaultyDisk:
    """See faults/faulty_disk.c. Without a fault that is asked for, nothing fails."""

    def __init__(self, folder: Path, data: Path):
        folder.mkdir()
        self.folder, self.library = folder, folder / "faulty_disk.so"
        command = ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(self.library), str(SOURCE), "-ldl"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        self.environment = {
            **os.environ,
            "LD_PRELOAD": str(self.library),
            "FAULTY_DISK": str(folder),
            "FAULTY_DATA": str(data.absolute()),
        }

    @contextmanager
    def fault(self, name: str):
        """`sync`, `full`, or nothing."""
        mark = self.folder / (name or "nothing")
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()
