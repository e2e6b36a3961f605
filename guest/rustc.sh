#!/bin/sh
# The compiler with one argument changed. Cargo derives the identity of a crate above its workspace root
# from the crate's absolute path, and the identity shows in the code; this takes the package's name and
# version for it, so that the programs do not depend on where the repository lies.
for argument do
    shift
    case $argument in
    metadata=*)
        case $CARGO_MANIFEST_DIR/ in
        "$MEZZ_ROOT"/*) argument=metadata=$CARGO_PKG_NAME-$CARGO_PKG_VERSION ;;
        esac
        ;;
    esac
    set -- "$@" "$argument"
done
exec /usr/bin/rustc "$@"
