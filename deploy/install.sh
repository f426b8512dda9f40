#!/bin/sh
# Installs from the bundle it lies in, on a machine without a network: sh install.sh [FOLDER], by default ~/rag.
# It asks nobody for anything: what is missing is said, and nothing is half done without a word.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/bundle.env"
target=${1:-$HOME/rag}
unset PYTHONPATH PYTHONHOME
say() { printf '%s\n' "$@"; }
refuse() { printf '%s\n' "$@" >&2; exit 1; }

machine="$(uname -s)-$(uname -m)"
[ "$machine" = "$BUNDLE_MACHINE" ] || refuse \
  "这个安装包是为 $BUNDLE_MACHINE 做的，这台机器是 $machine。请换对应的安装包。" \
  "This bundle is for $BUNDLE_MACHINE, this machine is $machine."

# The packages are built for one Python: the first that is it, else the one that would be used is named.
python=
found=
for each in "${PYTHON:-}" "python$BUNDLE_PYTHON" python3 python; do
  [ -n "$each" ] || continue
  version=$("$each" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  found=${found:-$version}
  if [ "$version" = "$BUNDLE_PYTHON" ]; then python=$each; break; fi
  [ "$each" != "${PYTHON:-}" ] || break
done
if [ -z "$python" ]; then
  case ${found:-none} in
    none) why="这台机器没有 Python" ;;
    2.* | 3.[0-9] | 3.10) why="这台机器的 Python 太旧（$found）" ;;
    *) why="这台机器的 Python 是 $found" ;;
  esac
  refuse "$why，这个安装包要 Python $BUNDLE_PYTHON。请先从系统的安装盘装好它；装在别处就写明：PYTHON=/路径/python$BUNDLE_PYTHON sh install.sh" \
    "Python $BUNDLE_PYTHON is needed, found here: ${found:-none}. If it is elsewhere, name it: PYTHON=/path/to/python$BUNDLE_PYTHON sh install.sh"
fi

(cd "$here" && sha256sum --check --quiet SHA256SUMS >/dev/null 2>&1) || refuse \
  "安装包不完整，多半是拷贝时断了。请重新拷贝，解开后再试。" "The bundle is damaged: copy it again."

if [ -e "$target" ] && [ ! -e "$target/.rag-bundle" ] && [ -n "$(ls -A "$target" 2>/dev/null)" ]; then
  refuse "“$target”里已经有别的东西，没有动它。请换一个文件夹：sh install.sh 文件夹" \
    "$target holds something else and was left alone. Name another folder: sh install.sh FOLDER"
fi
mkdir -p "$target" 2>/dev/null && : >"$target/.rag-bundle" || refuse \
  "没有权限写“$target”。请换一个文件夹：sh install.sh 文件夹" "No permission to write $target: name another folder."
free=$(df -Pk "$target" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$free" -ge "$BUNDLE_MB" ] || refuse \
  "磁盘空间不够：要 $BUNDLE_MB MB，只剩 $free MB。" "Not enough disk space: $BUNDLE_MB MB are needed, $free MB are free."

for pip in "$here"/wheels/pip-*.whl; do :; done
say "正在安装到 $target（要 $BUNDLE_MB MB，几分钟）……"
{
  "$python" -m venv --without-pip "$target/venv" &&
  PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 \
    "$target/venv/bin/python" "$pip/pip" install --no-index --find-links "$here/wheels" \
    --no-cache-dir --upgrade "rag$BUNDLE_EXTRAS==$BUNDLE_VERSION" &&
  "$target/venv/bin/rag" --version
} >"$target/install.log" 2>&1 || {
  tail -n 5 "$target/install.log" >&2
  refuse "没有装成，最后几行如上，全部在 $target/install.log。改好后再运行一次就行。" \
    "It did not install; the last lines stand above, all of them in $target/install.log."
}
say "装好了：$(tail -n 1 "$target/install.log")" \
  "  $target/venv/bin/rag serve --sample    打开示例资料库 · open the sample library" \
  "  $target/venv/bin/rag add 文件夹         放进自己的文章 · add your own articles"
