"""Tandem: a small model on your device and a large one far away, riding as one.

Importing the package is cheap: it opens no connection and loads no model library.
"""

__version__ = "0.1.0"
