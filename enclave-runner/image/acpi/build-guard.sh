#!/bin/sh
# Compiles the guard to one flat piece: build-guard.sh FOLDER writes guard.bin and dsdt.aml there. Needs gcc and iasl.
set -eu
here=$(cd "$(dirname "$0")" && pwd); out=${1:?FOLDER}
iasl -va -p "$out/dsdt" "$here/dsdt.asl" >/dev/null
(cd "$out" && gcc -c -o start.o "$here/start.S")
gcc -c -Os -std=c11 -Wall -Wextra -Werror -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector -fcf-protection=none \
  -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -mno-red-zone -mgeneral-regs-only -fshort-wchar -o "$out/guard.o" "$here/guard.c"
ld -nostdlib --no-warn-rwx-segments -T "$here/guard.ld" -o "$out/guard.elf" "$out/start.o" "$out/guard.o"
objcopy -O binary -j .all "$out/guard.elf" "$out/guard.bin"
