"""Processor time and memory of whole processes, two or more commands by turns.

    python processes.py [--runs N] [--in DIR] -- COMMAND... [-- COMMAND...]...

Each command is run once before anything counts, so that files are in the cache. Printed are, for each, the least and the
median of user and system time together, of the wall time, and the peak of resident memory, and the ratio to the first command.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time


def measure(command, folder):
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024


def main():
    words = sys.argv[1:]
    at = words.index("--")
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--in", dest="folder", default=".")
    options = options.parse_args(words[:at])
    commands = [[]]
    for word in words[at + 1 :]:
        commands.append([]) if word == "--" else commands[-1].append(word)
    results = [[] for _ in commands]
    for command in commands:
        measure(command, options.folder)
    for _ in range(options.runs):
        for command, runs in zip(commands, results):
            runs.append(measure(command, options.folder))
    for command, runs in zip(commands, results):
        cpu, wall, memory = zip(*runs)
        ratio = min(cpu) / min(run[0] for run in results[0])
        print(
            f"{os.path.basename(command[0])}: CPU {min(cpu):.3f} s (median {statistics.median(cpu):.3f}), wall {min(wall):.3f} s "
            f"(median {statistics.median(wall):.3f}), {max(memory):.0f} MiB; CPU {ratio:.3f} times the first"
        )


main()
