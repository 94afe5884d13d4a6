"""Values of the cases as records of the json format, by SQL type text."""
import base64
import json
import re


class Unsupported(Exception):
    pass


def split_top(text):
    parts, depth, quoted, current = [], 0, False, ""
    for ch in text:
        if ch == "`" or ch == "'":
            quoted = not quoted
        elif not quoted and ch in "<(":
            depth += 1
        elif not quoted and ch in ">)":
            depth -= 1
        if ch == "," and depth == 0 and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += ch
    return parts + [current.strip()] if current.strip() else parts


def inner(text):
    return text[text.index("<") + 1:text.rindex(">")]


def encode(value, sql_type):
    """What json.dumps takes so that the json format reads `value` back."""
    if value is None:
        return None
    kind = sql_type.strip().upper()
    if kind.startswith("ARRAY"):
        return [encode(v, inner(sql_type)) for v in value]
    if kind.startswith(("MAP", "MULTISET")):
        parts = split_top(inner(sql_type))
        if not parts[0].upper().startswith(("STRING", "VARCHAR", "CHAR")):
            raise Unsupported("the json format has string keys only")
        value_type = parts[1] if kind.startswith("MAP") else "INT"
        return {k: encode(v, value_type) for k, v in value}
    if kind.startswith("ROW"):
        out = {}
        for number, field in enumerate(split_top(inner(sql_type))):
            name, _, rest = field.partition(" ")
            if not rest or name.upper().startswith(("ROW<", "ARRAY<", "MAP<")):
                name, rest = f"f{number}", field
            out[name.strip("`")] = encode(value[number], rest)
        return out
    if kind.startswith(("BINARY", "VARBINARY", "BYTES")):
        return base64.b64encode(bytes.fromhex(value)).decode()
    if kind.startswith("RAW") or kind.startswith("STRUCTURED"):
        raise Unsupported("type " + sql_type)
    return value


def admitting(sql_type, value):
    """The type, with nullable elements where an array of the case holds a NULL though its type says NOT NULL: Flink lets such a row in, the json
    format does not."""
    match = re.fullmatch(r"ARRAY<(.*) NOT NULL>( NOT NULL)?", sql_type)
    if match and isinstance(value, list) and None in value:
        return f"ARRAY<{match.group(1)}>{match.group(2) or ''}"
    return sql_type


def record(columns, values):
    return (json.dumps({name: encode(value, sql_type) for (name, sql_type), value in zip(columns, values)}) + "\n").encode()
