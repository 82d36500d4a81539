"""What a worker does with its frames: a desk for a model that talks, another for one that embeds."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Literal, Protocol

import numpy as np
import psutil
from msgspec.structs import replace
from numpy.typing import NDArray

from tandem.core.chat import ChatEvent, ChatRequest
from tandem.core.errors import TandemError, Unsupported
from tandem.core.models import Ability, Kind
from tandem.engine.frames import (
    Ask,
    Began,
    Count,
    Counted,
    Embed,
    Embedded,
    EngineOptions,
    Failed,
    FromWorker,
    Said,
    WorkerStats,
    fault_of,
    say,
)
from tandem.engine.geometry import Geometry
from tandem.engine.language import Language, Prompt
from tandem.engine.model import LanguageModel
from tandem.engine.scheduler import Limits, Scheduler
from tandem.engine.slots import Slots
from tandem.engine.stream import Order
