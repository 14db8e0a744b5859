"""The interactive view of an utterance: waveforms and spectrograms on one time axis, with Bokeh.

The page holds one empty plot. The script templates/explorer.js copies it for every utterance that
comes into view, fills it with the sounds of the page and moves a playhead over it. It finds the
parts of the plot by the names given here.
"""

import functools
import json
from pathlib import Path

import bokeh
from bokeh.core.properties import value
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import BoxAnnotation, ColumnDataSource, Label, PanTool, Range1d, WheelZoomTool
from bokeh.plotting import figure

from rnnpipe.vocabulary import SOUNDS

LANES = {kind: label.lower() for kind, label in SOUNDS.items()} | {"error": "error of both"}
FONT = "system-ui, sans-serif"


def script() -> str:
    """Read BokehJS, without its widgets and other extras."""
    return (Path(bokeh.__file__).parent / "server/static/js/bokeh.min.js").read_text("utf-8")


@functools.cache  # Bokeh numbers its ids: a second plot would have different bytes
def plot() -> str:
    """Return the empty plot as the JSON from which BokehJS builds it."""
    time = Range1d(0, 1, min_interval=0.002, name="time")
    pan = PanTool(dimensions="width")
    # Zoom with Ctrl and the wheel, as a pinch on a trackpad also sends; the wheel without Ctrl
    # scrolls the page. When zooming out reaches one end of the sound, the other end moves on.
    wheel = WheelZoomTool(dimensions="width", modifiers={"ctrl": True}, maintain_focus=False)
    boundaries = ColumnDataSource({"x": []}, name="boundaries")

    def lane(name: str, height: int, low: float, high: float) -> figure:
        drawn = figure(
            name=name, height=height, sizing_mode="stretch_width", x_range=time,
            y_range=Range1d(low, high), toolbar_location=None, tools=[pan, wheel],
            active_drag=pan, active_scroll=wheel, min_border=0, outline_line_color=None,
            background_fill_color=None, border_fill_color=None,
        )  # fmt: skip
        drawn.axis.visible = drawn.grid.visible = False
        if name != "phones":
            drawn.vspan(x="x", source=boundaries, line_color="#80888f", line_alpha=0.45)
        return drawn

    phones = lane("phones", 44, 0, 3)
    labels = ColumnDataSource({"x": [], "y": [], "text": []}, name="labels")
    phones.text(
        "x", "y", "text", source=labels, text_align="center", text_baseline="middle",
        text_font_size="12px", text_font=value(FONT), name="phone labels",
    )  # fmt: skip
    lanes = [phones]
    for name, title in LANES.items():
        waveform = lane(name, 84, -1, 1)
        waveform.add_layout(BoxAnnotation(left=0, fill_alpha=0.12, name=f"{name} given"))
        lines = ("free_running", "teacher_forced") if name == "error" else ("original", name)
        for line in dict.fromkeys(lines):
            source = ColumnDataSource({"x": [], "y": []}, name=f"{name} {line}")
            waveform.line("x", "y", source=source, name=f"{name} {line} line")
        waveform.add_layout(_title(title, 84, name))
        lanes.append(waveform)
    for name in SOUNDS:
        spectrum = lane(f"{name} spectrum", 76, 0, 8)
        columns: dict[str, list] = {"url": [], "x": [], "y": [], "w": [], "h": []}
        source = ColumnDataSource(columns, name=f"{name} picture")
        spectrum.image_url("url", "x", "y", "w", "h", source=source, anchor="bottom_left")
        spectrum.add_layout(_title(f"{LANES[name]}, 0 to 8 kHz", 76, f"{name} spectrum"))
        lanes.append(spectrum)
    lanes[-1].height += 47  # for the axis below it
    axis = lanes[-1].xaxis[0]
    axis.update(visible=True, name="axis", axis_label="time (s)", axis_label_text_font=FONT)
    axis.update(major_label_text_font=FONT, axis_label_text_font_style="normal")
    whole = column(*lanes, sizing_mode="stretch_width", spacing=3)
    return json.dumps(json_item(whole), separators=(",", ":"))


def _title(text: str, height: int, name: str) -> Label:
    return Label(
        x=4, y=height - 4, x_units="screen", y_units="screen", text=text, text_baseline="top",
        text_font=FONT, text_font_size="12px", name=f"{name} title", background_fill_alpha=0.75,
    )  # fmt: skip
