# Runs a model's code in CPython: as the main module, and shows the value of its last expression. sys.argv[1] is the code.
FRAMES = 20


def run():
    import ast
    import sys

    def report(error):
        import linecache
        import traceback

        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        # The first frame is this script's. What does not parse has no other.
        frames = error.__traceback__ and error.__traceback__.tb_next
        frames = None if isinstance(error, SyntaxError) else frames
        # The last frames are enough: a recursion may have millions.
        traceback.print_exception(type(error), error, frames, limit=-FRAMES)

    name = "<code>"
    code = sys.argv.pop()
    # A main module of its own, so that it can name things as it likes. The former one stays while this runs.
    former = sys.modules["__main__"]
    main = sys.modules["__main__"] = type(sys)("__main__")
    try:
        tree = ast.parse(code, name)
        last = tree.body[-1] if tree.body else None
        shown = ast.Expression(tree.body.pop().value) if isinstance(last, ast.Expr) else None
        exec(compile(tree, name, "exec"), main.__dict__)
        if shown is not None:
            value = eval(compile(shown, name, "eval"), main.__dict__)
            if value is not None:
                print(repr(value))
    except SystemExit:
        raise
    except BaseException as error:
        report(error)
        sys.exit(1)
    return former


run()
