"""The child in which a stranger's file is read: it gives up memory, time and files, then runs one of our programs.

Run as a file (`python -I -B child.py MODULE PROCESSORS`), the file's bytes on standard input; the module's main() answers on standard
output. Nothing of the module is loaded before the limits stand, and little else: what starts for each file is not to cost more than
the file.
"""

import importlib
import os
import resource
import sys

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 10


def spread(processors: str) -> None:
    """Use these processors ("0,1"), though who started us is pinned to one of them."""
    if processors:
        os.sched_setaffinity(0, {int(number) for number in processors.split(",")})


def confine() -> None:
    """Give up memory, time and files before a single byte is looked at; short of memory, the system ends us."""
    if os.path.exists("/proc/self/oom_score_adj"):  # Linux, where it would else choose a web process
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Confine this process, then run the program."""
    module, processors = sys.argv[1:]
    spread(processors)
    confine()
    house = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    if house not in sys.path:  # a checkout; -I leaves its folder out, and an installed package is found anyway
        sys.path.insert(0, house)
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
