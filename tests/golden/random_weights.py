"""Seeded random weights in which every tensor matters, for the golden checkpoints.

Fresh norms are 1, fresh biases 0, and the last norm of each block of open_clip's residual networks starts at 0: models as
they are initialised map all photos to nearly one point and would hide most mistakes.
"""

import math

import torch
from torch import nn

NORMS = (nn.LayerNorm, nn.BatchNorm2d)


@torch.no_grad()
def randomise(model: nn.Module, seed: int, photos: torch.Tensor | None = None, residual: float = 1.0) -> None:
    """Fills all parameters; with `photos`, pixels for `model.visual`, running statistics too.

    `residual` scales what each block of a residual network adds, and how sharp its attention pool is. Deep random networks
    multiply the smallest difference of their input many times over where it is 1; in trained ones it is small.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(tensor: torch.Tensor) -> torch.Tensor:
        return torch.randn(tensor.shape, generator=generator)

    norms = {name for name, module in model.named_modules() if isinstance(module, NORMS)}
    for name, parameter in sorted(model.named_parameters()):
        module, _, kind = name.rpartition(".")
        if name in ("logit_scale", "logit_bias"):
            parameter.fill_(2.5 if name == "logit_scale" else -3.5)
        elif module in norms and kind == "weight":
            parameter.copy_(1 + 0.3 * noise(parameter))
        elif "bias" in kind:
            parameter.copy_(0.3 * noise(parameter))
        elif any(word in name for word in ("embed", "latent", "probe")) and "patch_embed" not in name:
            parameter.copy_(0.7 * noise(parameter))
        else:
            # A bare projection is applied from the right.
            fan_in = parameter.shape[0] if kind.endswith("proj") or kind == "text_projection" else (
                math.prod(parameter.shape[1:]))
            parameter.copy_(1.5 * noise(parameter) / math.sqrt(fan_in))

    batch_norms = [module for _, module in sorted(model.named_modules()) if isinstance(module, nn.BatchNorm2d)]
    if not batch_norms:
        return
    for name, parameter in model.named_parameters():
        if name.endswith("attnpool.q_proj.weight") or (name.endswith("bn3.weight") and ".layer" in name):
            parameter.mul_(residual)
    # Statistics far from the truth would make the activations explode: take the true ones, then shake them.
    for norm in batch_norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    model.visual(photos)
    model.eval()
    for norm in batch_norms:
        deviation = norm.running_var.sqrt()
        norm.running_mean.add_(0.3 * deviation * noise(deviation))
        norm.running_var.mul_(torch.exp(0.3 * noise(deviation)))
