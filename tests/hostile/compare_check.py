"""Do `qchain check` and `qemu-img check` find the same in one image?"""

import json
import subprocess

KEYS = ("check-errors", "corruptions", "leaks", "total-clusters", "allocated-clusters", "fragmented-clusters",
        "compressed-clusters", "image-end-offset")


def of_qemu(image, folder):
    """The counts, or nothing where QEMU does not open or not finish the check."""
    command = ["qemu-img", "check", "--output=json", "-f", "qcow2", image]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    try:
        found = json.loads(done.stdout)
    except json.JSONDecodeError:
        return None
    return {key: found.get(key, 0) for key in KEYS}


def of_qchain(text):
    layer = json.loads(text)["layers"][0]
    return {key: layer[key] for key in KEYS}


def difference(theirs, ours):
    return {key: (theirs[key], ours[key]) for key in KEYS if theirs[key] != ours[key]}
