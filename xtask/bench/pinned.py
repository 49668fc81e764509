"""Runs a program on the first so many of the cores that this process may use: `pinned.py CORES PROGRAM ARGUMENTS…`.

Both sides of a measurement are started through it, so that neither has more to compute with than the other.
"""

import os
import sys


def main():
    count, program = int(sys.argv[1]), sys.argv[2:]
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < count:
        sys.exit(f"--threads {count} is more than the {len(cores)} cores at hand; ask for fewer")
    os.sched_setaffinity(0, cores[:count])
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
