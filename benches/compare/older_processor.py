"""A copy of onnxruntime that takes the processor for one without AVX-512, and so for one without VNNI.

    python older_processor.py FOLDER         # in the environment that has onnxruntime
    PYTHONPATH=FOLDER python towers.py PROGRAM --isa avx2 ...

onnxruntime has no setting for this, and few processors let a program hide instructions from another. So the two branches of
its library that look for AVX-512 are changed in the copy: the one that chooses the kernels (`MlasPlatform`), and the one of
`CPUIDInfo`, which the operators ask. They were found in onnxruntime 1.32.0 for x86-64 Linux; where they are not found, or not
once each, nothing is written.
"""

import pathlib
import shutil
import sys

import onnxruntime

# Code, the branch within it, and what takes its place.
BRANCHES = [
    # test r10d, AVX512F; je +14; not xcr0; test al, 0xe0; je
    ("41f7c200000100740e4c89c048f7d0a8e00f84", "740e", "eb0e"),
    # and r9d, 0xe6; ...; cmp r9d, 0xe6; je +176
    ("4181e1e60000004531d231c94181f9e60000000f84b0000000", "0f84b0000000", "660f1f440000"),
]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    package = pathlib.Path(onnxruntime.__file__).parent
    [library] = package.glob("capi/onnxruntime_pybind11_state*.so")
    code = library.read_bytes()
    for around, branch, instead in BRANCHES:
        around, branch, instead = (bytes.fromhex(text) for text in (around, branch, instead))
        if code.count(around) != 1:
            sys.exit(f"onnxruntime {onnxruntime.__version__}: expected one branch for AVX-512, found {code.count(around)}")
        code = code.replace(around, around.replace(branch, instead))
    copy = pathlib.Path(sys.argv[1]) / "onnxruntime"
    shutil.copytree(package, copy)
    (copy / library.relative_to(package)).write_bytes(code)


if __name__ == "__main__":
    main()
