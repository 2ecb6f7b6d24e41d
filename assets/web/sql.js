// The SQL of a dashboard file as ClickHouse gets it: variables filled in as Grafana does it, macros
// as its ClickHouse plugin does it. One pass: what a value contains is never read again.

/**
 * What a variable is set to. `isAll` is "All" of a choice; `isRaw` says that the values are from the
 * file itself, and so may stand in SQL as they are.
 * @typedef {{values: string[], isAll?: boolean, isRaw?: boolean, text?: string}} Choice
 */
/**
 * @typedef {object} Scope
 * @property {number} from milliseconds since 1970
 * @property {number} to
 * @property {number} interval seconds between two points of a graph
 * @property {Map<string, Choice>} variables
 */

/** What a file says that this page does not understand. */
export class UnknownInFile extends Error {}

const REFERENCE = /\$(?:\{(\w+)(?::(\w+))?\}|(\w+))/y;

/** @param {string} sql @param {Scope} scope */
export function expand(sql, scope) {
  let expanded = "";
  let at = 0;
  for (;;) {
    const next = sql.indexOf("$", at);
    if (next < 0) return expanded + sql.slice(at);
    expanded += sql.slice(at, next);
    REFERENCE.lastIndex = next;
    const found = REFERENCE.exec(sql);
    if (!found) throw new UnknownInFile(`A \`$\` that begins no name: ${sql.slice(next, next + 20)}`);
    const [whole, braced, format = "", bare] = found;
    const name = braced ?? bare;
    at = next + whole.length;
    if (!name.startsWith("__")) {
      expanded += value(choiceOf(name, scope), name, format);
      continue;
    }
    let given = [];
    if (sql[at] === "(") [given, at] = split(sql, at);
    expanded += macro(name, given, scope);
  }
}

function macro(name, given, scope) {
  const time = (at) => `toDateTime(${Math.floor(at / 1000)})`;
  switch (`${name}/${given.length}`) {
    case "__fromTime/0":
      return time(scope.from);
    case "__toTime/0":
      return time(scope.to);
    case "__interval_s/0":
      return String(scope.interval);
    case "__timeFilter/1": {
      const column = expand(given[0], scope);
      return `${column} >= ${time(scope.from)} AND ${column} <= ${time(scope.to)}`;
    }
    case "__timeInterval/1":
      return `toStartOfInterval(toDateTime(${expand(given[0], scope)}), INTERVAL ${scope.interval} second)`;
    case "__conditionalAll/2": {
      const named = /^\$\{?(\w+)/.exec(given[1].trim());
      if (!named) throw new UnknownInFile("`$__conditionalAll` needs a variable as its second argument");
      const choice = choiceOf(named[1], scope);
      return choice.isAll || choice.values.join("") === "" ? "1=1" : expand(given[0], scope);
    }
    default:
      throw new UnknownInFile(`\`$${name}\` with ${given.length} arguments is not a known macro`);
  }
}

/** @param {string} name @param {Scope} scope */
function choiceOf(name, scope) {
  const choice = scope.variables.get(name);
  if (!choice) throw new UnknownInFile(`There is no variable \`${name}\``);
  return choice;
}

function value(choice, name, format) {
  if (choice.isAll) throw new UnknownInFile(`\`${name}\` can be All, which only \`$__conditionalAll\` takes`);
  switch (format) {
    case "singlequote":
    case "sqlstring":
      return choice.values.map(quoted).join(",");
    case "":
      if (choice.isRaw) return choice.values.join(",");
      throw new UnknownInFile(`\`$${name}\` may hold anything, so SQL needs it quoted: \`\${${name}:sqlstring}\``);
    default:
      throw new UnknownInFile(`\`${format}\` is not a known format of a variable`);
  }
}

/** A string of ClickHouse's SQL. @param {string} text */
export function quoted(text) {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/**
 * The arguments in the parentheses that begin at `start`, and where what follows them begins.
 * Commas and parentheses in quotes are text.
 * @returns {[string[], number]}
 */
function split(sql, start) {
  const found = [];
  let depth = 0;
  let begin = start + 1;
  for (let at = start; at < sql.length; at++) {
    const c = sql[at];
    if (c === "'" || c === '"' || c === "`") at = endOfQuoted(sql, at);
    else if (c === "(" || c === "[") depth++;
    else if (c === "," && depth === 1) {
      found.push(sql.slice(begin, at));
      begin = at + 1;
    } else if (c === ")" || c === "]") {
      depth--;
      if (depth > 0) continue;
      const last = sql.slice(begin, at);
      if (found.length > 0 || last.trim() !== "") found.push(last);
      return [found, at + 1];
    }
  }
  throw new UnknownInFile(`A parenthesis is not closed: ${sql.slice(start, start + 40)}`);
}

function endOfQuoted(sql, start) {
  let at = start + 1;
  while (at < sql.length && sql[at] !== sql[start]) at += sql[at] === "\\" ? 2 : 1;
  return at;
}

/** The variables that a text names. @param {string} text @returns {Set<string>} */
export function variablesIn(text) {
  const named = [...text.matchAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g)].map(([, braced, bare]) => braced ?? bare);
  return new Set(named.filter((name) => !name.startsWith("__")));
}

/** A text for people, such as a title, with the variables in it. @param {string} text */
export function titled(text, variables) {
  return text.replace(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (whole, braced, bare) => {
    const choice = variables.get(braced ?? bare);
    if (!choice) return whole;
    return choice.text ?? (choice.isAll ? "All" : choice.values.join(", "));
  });
}
