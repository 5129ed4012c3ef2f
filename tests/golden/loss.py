#!/usr/bin/env python3
"""Losses and gradients of random unit vectors, in PyTorch: open_clip's ClipLoss and SigLipLoss.

    python tests/golden/loss.py > crates/clip-train/tests/fixtures/loss/expected.json

Needs torch and open_clip_torch.
"""
import json

import torch
from open_clip.loss import ClipLoss, SigLipLoss


def main() -> None:
    torch.manual_seed(5)
    cases = []
    for batch, width in ((2, 3), (5, 4), (17, 8)):
        image = torch.nn.functional.normalize(torch.randn(batch, width, dtype=torch.float64), dim=-1).requires_grad_()
        text = torch.nn.functional.normalize(torch.randn(batch, width, dtype=torch.float64), dim=-1).requires_grad_()
        scale = torch.tensor(14.3, dtype=torch.float64, requires_grad=True)
        bias = torch.tensor(-10.0, dtype=torch.float64, requires_grad=True)
        case = {"image": image.tolist(), "text": text.tolist(), "scale": scale.item(), "bias": bias.item()}
        loss = ClipLoss()(image, text, scale)
        gradients = torch.autograd.grad(loss, (image, text, scale))
        case["info_nce"] = {"loss": loss.item(), "image": gradients[0].tolist(), "scale": gradients[2].item()}
        loss = SigLipLoss(rank=0, world_size=1)(image, text, scale, bias)
        gradients = torch.autograd.grad(loss, (image, text, scale, bias))
        case["sigmoid"] = {
            "loss": loss.item(),
            "image": gradients[0].tolist(),
            "scale": gradients[2].item(),
            "bias": gradients[3].item(),
        }
        cases.append(case)
    print(json.dumps(cases))


if __name__ == "__main__":
    main()
