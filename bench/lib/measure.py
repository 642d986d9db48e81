"""What one command costs: wall time, CPU time and peak memory, those of daemons that work for it included."""
import dataclasses
import os
import statistics
import subprocess
import sys
import time

TICKS = os.sysconf('SC_CLK_TCK')


@dataclasses.dataclass
class Sample:
    wall: float  # seconds
    cpu: float  # seconds, user and system, of the command, its descendants and the daemons
    rss: int  # bytes, of the largest process; never below this program's own, since it counts what a child was before exec


class Failed(Exception):
    """A measured command failed; the text says which and what it printed."""


def _stat_fields(pid):
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[2].split()


def _descendants(pid):
    children = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                children.setdefault(int(_stat_fields(entry)[1]), []).append(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                pass
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _daemon_cpu(daemons):
    total = 0
    for daemon in daemons:
        for pid in _descendants(daemon):
            try:
                total += sum(int(field) for field in _stat_fields(pid)[11:15])
            except (FileNotFoundError, ProcessLookupError):
                pass
    return total / TICKS


def _reset_peak(daemons):
    for daemon in daemons:
        with open(f'/proc/{daemon}/clear_refs', 'w') as file:
            file.write('5')


def _peak(daemons):
    peak = 0
    for daemon in daemons:
        with open(f'/proc/{daemon}/status') as file:
            for line in file:
                if line.startswith('VmHWM:'):
                    peak = max(peak, int(line.split()[1]) << 10)
    return peak


def settle(memory):
    """Before a sample that fills `memory` bytes: nothing of the one before waits for the disk, and the machine has that much memory at hand.
    A virtual machine may have given free memory back to its host, and then pays 2-3 s a GiB for the first touch."""
    os.sync()
    if memory:
        # In a process of its own: what this one has held counts as the peak of its children.
        subprocess.run([sys.executable, '-c', f'import mmap; mmap.mmap(-1, {memory}, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)'],
                       check=True)


def run(command, *, daemons=(), cwd=None, env=None, log=None):
    """Runs `command` (a list, or a text for sh) to its end. Throws Failed."""
    before = _daemon_cpu(daemons)
    _reset_peak(daemons)
    with open(log or os.devnull, 'wb') as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, shell=isinstance(command, str), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        text = ''
        if log:
            with open(log, errors='replace') as file:
                text = file.read()[-2000:]
        raise Failed(f'{command}: exit status {process.returncode}\n{text}')
    cpu = usage.ru_utime + usage.ru_stime + _daemon_cpu(daemons) - before
    return Sample(wall, cpu, max(usage.ru_maxrss << 10, _peak(daemons)))


def median(samples):
    return Sample(*(statistics.median(getattr(sample, field.name) for sample in samples) for field in dataclasses.fields(Sample)))
