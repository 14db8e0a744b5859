"""The figures: error over hidden size, training curves, stability, free runs, waveforms.

Each module draws one figure from tables and arrays, as SVG and as PNG. The same input gives the
same bytes.
"""
