# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell a person how far the build is: a live display on a terminal, one line per tool otherwise."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_INERTIA = 60.0
"""Seconds of building at the expected speed that are assumed to lie behind, or a small tool would swing it."""
_OVERDUE = 0.05
"""Share of a tool's expected time that is assumed to be left when it takes longer than expected."""


@dataclass
class Estimate:
    """Remaining time, from the recipes' seconds scaled by how fast this machine was so far.

    Args:
        expected: tool to its seconds on the reference machine, in building order.
    """

    expected: dict[str, float]
    _taken: dict[str, float] = field(default_factory=dict)
    _left_out: set[str] = field(default_factory=set)

    @property
    def factor(self) -> float:
        """How many times longer this machine takes, starting from 1."""
        reference = sum(self.expected[name] for name in self._taken)
        return (sum(self._taken.values()) + _INERTIA) / (reference + _INERTIA)

    def finished(self, name: str, seconds: float) -> None:
        self._taken[name] = seconds

    def skipped(self, name: str) -> None:
        """Leave a tool out of the rest of the estimate."""
        self._left_out.add(name)

    def remaining(self, running: str | None = None, elapsed: float = 0.0) -> float:
        """Return the seconds still to go.

        Args:
            running: the tool being built, if any.
            elapsed: seconds it has been running.
        """
        total = 0.0
        for name, seconds in self.expected.items():
            if name in self._taken or name in self._left_out:
                continue
            whole = seconds * self.factor
            total += max(whole - elapsed, whole * _OVERDUE) if name == running else whole
        return total


class Reporter(Protocol):
    """What ``ensure`` tells while it works."""

    def say(self, line: str) -> None:
        """Show one line about something out of the ordinary."""
        ...

    @contextmanager
    def plan(self, estimate: Estimate) -> Iterator[None]:
        """Show progress while the body builds the tools of the estimate."""
        ...

    def started(self, name: str, version: str) -> None:
        """Show that a tool is being built."""
        ...

    def finished(self, name: str, outcome: str) -> None:
        """Show how a tool ended: its seconds, or why it was left out."""
        ...


def clock(seconds: float) -> str:
    """Write a duration as ``m:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class PlainReporter:
    """One line when a tool starts and one when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._estimate = Estimate({})
        self._number = 0

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def plan(self, estimate: Estimate) -> Iterator[None]:
        self._estimate, self._number = estimate, 0
        count = len(estimate.expected)
        self.say(f"Building {count} tools from source, about {clock(estimate.remaining())} min on two cores")
        yield

    def started(self, name: str, version: str) -> None:
        self._number += 1
        left = clock(self._estimate.remaining(name))
        self.say(f"[{self._number}/{len(self._estimate.expected)}] {name} {version} ... (about {left} min left)")

    def finished(self, name: str, outcome: str) -> None:
        self.say(f"[{self._number}/{len(self._estimate.expected)}] {name}: {outcome}")


class _Remaining(ProgressColumn):
    """The estimate, recalculated whenever the display is drawn."""

    def __init__(self, reporter: LiveReporter) -> None:
        super().__init__()
        self._reporter = reporter

    def render(self, task: Task) -> Text:
        return Text(f"about {clock(self._reporter.remaining(task))} left", style="cyan")


class LiveReporter:
    """A bar with tool n of m, elapsed time and estimate; finished tools scroll up."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._estimate = Estimate({})
        self._running: str | None = None
        self._since = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("tool {task.fields[number]} of {task.fields[count]}"),
            TimeElapsedColumn(),
            _Remaining(self),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", start=False, visible=False, number=0, count=0)

    def remaining(self, task: Task) -> float:
        """Return the seconds to go; called by the display's own thread."""
        elapsed = (task.elapsed or 0.0) - self._since
        left = self._estimate.remaining(self._running, elapsed)
        total = (task.elapsed or 0.0) + left
        # The bar moves with time, not with tools, which differ by a factor of fifty.
        task.total, task.completed = total, total - left
        return left

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)

    @contextmanager
    def plan(self, estimate: Estimate) -> Iterator[None]:
        self._estimate = estimate
        self._progress.reset(self._task, visible=True, number=0, count=len(estimate.expected))
        with self._progress:
            yield

    def started(self, name: str, version: str) -> None:
        task = self._progress.tasks[0]
        self._running, self._since = name, task.elapsed or 0.0
        self._progress.update(self._task, description=f"{name} {version}", number=task.fields["number"] + 1)

    def finished(self, name: str, outcome: str) -> None:
        self._running = None
        self.say(f"  {name}: {outcome}")


def reporter_for(console: Console) -> Reporter:
    """Return the reporter that fits where the output goes."""
    return LiveReporter(console) if console.is_terminal else PlainReporter(console)
