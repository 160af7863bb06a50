"""The child: its limits, set before it reads a byte. It imports next to nothing: the child starts anew for each file."""

import contextlib


def limit(*, memory: int, cpu_seconds: int) -> None:
    """Limits this process, the child, before it reads a byte: its memory in bytes, its processor time, and that it writes no
    file."""
    with contextlib.suppress(ImportError):  # Windows has none of this; the parent's time limit remains
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
