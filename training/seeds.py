"""Tasks of the seed instructions of `self_instruct`, judged by hand, by number. Those that fit none are left out."""

_BY_TASK = {
    "code": (28, 31, 37, 41, 50, 61, 69, 72, 132, 138, 139, 140, 141, 158),
    "math": (22, 25, 35, 45, 58, 83, 109, 110, 136, 144, 164),
    "reasoning": (1, 15, 147, 155, 104),
    "creative": (
        4, 8, 18, 20, 21, 29, 33, 47, 49, 55, 56, 57, 59, 63, 74, 75, 76, 79, 84, 89, 93, 96, 100, 106, 119, 123, 124, 129, 86, 87, 17,
    ),
    "factual_qa": (
        0, 2, 7, 10, 12, 16, 19, 23, 24, 30, 32, 34, 36, 38, 40, 48, 52, 54, 60, 65, 70, 71, 73, 80, 81, 82, 88, 90, 92, 95, 99,
        102, 103, 107, 111, 118, 127, 131, 133, 142, 143, 145, 160, 163, 6, 11, 9,
    ),
    "mcq_knowledge": (161,),
    "context_qa": (162, 167),
    "summarisation": (62, 64, 137),
    "rewriting": (42, 43, 51, 97, 98, 126, 66, 114, 78),
    "extraction": (13, 26, 39, 67, 85, 135, 108),
    "classification": (148, 150, 151, 152, 154, 156, 157, 159, 165, 166, 168, 169, 171, 172, 173, 94, 122),
    "translation": (101, 117),
    "transactional": (91,),
    "chitchat": (27,),
}  # fmt: skip

SEED_TASKS = {number: task for task, numbers in _BY_TASK.items() for number in numbers}
