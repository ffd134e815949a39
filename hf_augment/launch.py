"""`accelerate launch`: how a command line starts training, and what it did instead of what it was asked."""

import os
import subprocess
import sys
from collections.abc import Sequence


def launch(recipe: str, overrides: Sequence[str] = (), accelerate_flags: Sequence[str] = ()) -> int:
    """
    Train in processes of their own, under `accelerate launch`.

    Args:
        recipe (`str`): The recipe's path or name.
        overrides (`Sequence[str]`, *optional*): Settings such as `"train.epochs=1"`.
        accelerate_flags (`Sequence[str]`, *optional*): Flags of `accelerate launch`, e.g. `["--num_processes", "4"]`.

    Returns:
        `int`: The exit status: 0 if all went well.
    """
    settings = [word for override in overrides for word in ("--set", override)]
    # This Python's accelerate, not the one that PATH finds; --quiet spares the launcher's own traceback.
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", *accelerate_flags]
    return subprocess.run([*launcher, "-m", "hf_augment.training", str(recipe), *settings], check=False).returncode


def fewer_processes(started: int) -> str:
    """Say so if `accelerate launch` was asked for several processes and started one; `""` if all is well."""
    import psutil

    try:
        launcher = psutil.Process(os.getppid()).cmdline()  # the environment does not tell
    except psutil.Error:  # another user's process, or none any more
        return ""
    if started > 1 or not any("accelerate" in word for word in launcher):
        return ""
    words = " ".join(launcher).replace("=", " ").replace("--num-processes", "--num_processes").split()
    asked = words[words.index("--num_processes") + 1] if "--num_processes" in words else "1"
    if asked in ("0", "1"):
        return ""
    return (
        f"warning: accelerate launch was asked for {asked} processes and started 1, as it always does without a GPU. "
        f"For {asked}: torchrun --nproc_per_node {asked} -m hf_augment.training {' '.join(sys.argv[1:])}"
    )
