"""`madang bench`: measures what this machine holds, for the planner."""

from __future__ import annotations

import os
import sys

from madang.cli.common import Config, Data, Json, load_settings, report


def bench(data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Measure what this machine holds and write it down for `madang plan`."""
    settings = load_settings(data, config)
    from imageio_ffmpeg import get_ffmpeg_exe

    from madang.ops.measure.bench import measure_machine, with_reference
    from madang.plan.benchmarks import KINDS, serialize
    from madang.plan.figures import Figure
    from madang.plan.formatting import Formatter

    def show_progress(step: str) -> None:
        print(f"madang bench: {step} …", file=sys.stderr, flush=True)

    benchmarks = measure_machine(get_ffmpeg_exe(), settings.data, show_progress)
    draft = settings.benchmarks_file.with_suffix(".part")
    draft.write_text(serialize(benchmarks), encoding="utf-8")
    os.replace(draft, settings.benchmarks_file)

    formatter = Formatter(settings.station.language)
    rows = []
    for name, found, reference in with_reference(benchmarks):
        unit = KINDS[name].unit
        values = (found.value, found.low, found.high) if found else (None, None, None)
        shown = ["-" if v is None else formatter.value(Figure("", v, unit)) for v in values]
        built_in = formatter.value(Figure("", reference, unit))
        label = formatter.name(Figure(f"ability_{name}", 0, unit))
        rows.append(
            {"": label, "here": shown[0], "least": shown[1], "most": shown[2], "built in": built_in}
        )
    if as_json:
        report(
            True,
            {
                "machine": benchmarks.machine,
                "cores": benchmarks.cores,
                "taken_at": benchmarks.taken_at,
                "file": str(settings.benchmarks_file),
                "abilities": {
                    name: {"value": m.value, "low": m.low, "high": m.high, "unit": KINDS[name].unit}
                    for name, m in benchmarks.measured.items()
                },
                "not_measured": [name for name in KINDS if name not in benchmarks.measured],
            },
            [],
        )
        return
    from madang.cli.common import print_table

    print(f"{benchmarks.machine}, {benchmarks.cores} cores, {benchmarks.taken_at}")
    print_table(False, rows)
    print(f"Written to {settings.benchmarks_file}: `madang plan` reckons with it from now on.")
