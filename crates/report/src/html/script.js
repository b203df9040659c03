// Tables that sort, filter and turn pages. Without it each table shows its first page.
"use strict";
(function () {
  const PAGE = 25;
  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  const shown = (value) => {
    if (value === null) return "-";
    if (typeof value !== "number") return String(value);
    if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
    const size = Math.abs(value);
    if (size < 1e-4 || size >= 1e9) {
      return value.toExponential(5).replace(/\.?0*e\+?/, "e");
    }
    return String(Number(value.toPrecision(6)));
  };
  const start = (source) => {
    const { columns, rows } = JSON.parse(source.textContent);
    const table = document.getElementById(source.dataset.table);
    const tools = document.getElementById(source.dataset.table + "-tools");
    if (!table || !tools) return;
    const body = table.tBodies[0];
    const heads = Array.from(table.tHead.rows[0].cells);
    const words = rows.map((row) => row.map(shown).join(" ").toLowerCase());
    let order = rows.map((_, at) => at);
    let page = 0, sorted = -1, down = false, wanted = [];

    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "filter rows";
    input.setAttribute("aria-label", "filter the rows of the table " + source.dataset.name);
    const back = document.createElement("button");
    back.type = "button";
    back.textContent = "previous";
    const next = document.createElement("button");
    next.type = "button";
    next.textContent = "next";
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    tools.append(input, back, next, said);

    const draw = () => {
      const found = order.filter((at) => wanted.every((word) => words[at].includes(word)));
      const pages = Math.max(1, Math.ceil(found.length / PAGE));
      page = Math.min(page, pages - 1);
      const lines = found.slice(page * PAGE, (page + 1) * PAGE).map((at) => {
        const line = document.createElement("tr");
        rows[at].forEach((value, column) => {
          const cell = document.createElement("td");
          cell.textContent = shown(value);
          if (columns[column].number) cell.className = "number";
          if (columns[column].name === "status") cell.className = value;
          line.append(cell);
        });
        return line;
      });
      body.replaceChildren(...lines);
      const first = found.length === 0 ? 0 : page * PAGE + 1;
      const last = Math.min(found.length, (page + 1) * PAGE);
      said.textContent = "rows " + first + " to " + last + " of " + found.length;
      back.disabled = page === 0;
      next.disabled = page >= pages - 1;
    };
    const sort = (column) => {
      down = sorted === column ? !down : false;
      sorted = column;
      order.sort((a, b) => {
        const [x, y] = [rows[a][column], rows[b][column]];
        // What is not there comes last in any order.
        if (x === null || y === null) return compare(x, y) || a - b;
        return (down ? compare(y, x) : compare(x, y)) || a - b;
      });
      heads.forEach((head, at) => {
        head.setAttribute("aria-sort", at !== column ? "none" : down ? "descending" : "ascending");
      });
      page = 0;
      draw();
    };
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(column));
      head.replaceChildren(button);
      head.setAttribute("aria-sort", "none");
    });
    input.addEventListener("input", () => {
      wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      page = 0;
      draw();
    });
    back.addEventListener("click", () => { page -= 1; draw(); });
    next.addEventListener("click", () => { page += 1; draw(); });
    draw();
  };
  document.querySelectorAll("script[data-table]").forEach(start);
  // Paper cannot be opened.
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
  });
})();
