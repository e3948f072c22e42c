// The list of cases: search, filters, and rows by fifties, made from the data in the page. Text from the data is
// only ever set as text. Links with data-q, data-m and data-k set the filters; the address keeps them.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const PAGE = 50;
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // Filters of the matrix, which are rows of the page itself.
  for (const matrix of document.querySelectorAll(".matrix")) {
    const which = matrix.querySelector(".which");
    const name = matrix.querySelector(".name");
    const rows = [...matrix.querySelectorAll("tbody tr")];
    const names = rows.map((row) => row.cells[0].textContent.toLowerCase());
    const apply = () => {
      const wanted = name.value.trim().toLowerCase();
      rows.forEach((row, at) => {
        row.hidden = (which.value === "telling" && !("tells" in row.dataset)) || !names[at].includes(wanted);
      });
    };
    which.addEventListener("change", apply);
    name.addEventListener("input", apply);
    matrix.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  const source = $("cases") && document.querySelector("script#cases-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const [MODULE, GROUP, LEAF, TITLE, CLAUSE, LEVEL, CLASS, KIND, HEADLINE, DETAIL] = [...Array(10).keys()];
  const cases = data.cases;
  const id = (row) => (data.groups[row[GROUP]] ? data.groups[row[GROUP]] + "/" : "") + row[LEAF];
  const hay = cases.map((row) =>
    `${id(row)}\n${data.titles[row[TITLE]]}\n${row[HEADLINE]}\n${data.clauses[row[CLAUSE]]}\n${data.modules[row[MODULE]]}`
      .toLowerCase());
  const asRun = cases.map((_, at) => at);
  const orders = { run: () => asRun };
  const once = (make) => { let made; return () => (made ??= make()); };
  orders.kind = once(() => [...asRun].sort((a, b) => cases[a][KIND] - cases[b][KIND] || a - b));
  orders.id = once(() => {
    const ids = cases.map(id);
    return [...asRun].sort((a, b) => (ids[a] < ids[b] ? -1 : ids[a] > ids[b] ? 1 : a - b));
  });

  const chips = [...document.querySelectorAll("#filters input[name=k]")];
  const module = $("m") ?? { value: "" };
  let found = [];
  let page = 0;

  // Words are looked for anywhere; what is in quotes is a whole field, or an id or the beginning of its parts.
  const testsOf = (text) => [...text.toLowerCase().matchAll(/"([^"]*)"|[^\s"]+/g)].map(([word, field]) =>
    field === undefined
      ? (hay) => hay.includes(word)
      : (hay) => hay.startsWith(`${field}/`) || `\n${hay}\n`.includes(`\n${field}\n`));

  const filter = () => {
    const tests = testsOf($("q").value);
    const kinds = new Set(chips.filter((chip) => chip.checked).map((chip) => +chip.value));
    const of = module.value === "" ? -1 : +module.value;
    found = orders[$("o").value]().filter((at) => {
      const row = cases[at];
      return kinds.has(row[KIND]) && (of < 0 || row[MODULE] === of) && tests.every((test) => test(hay[at]));
    });
    page = 0;
    show();
  };

  const chunks = new Map();
  const detailOf = (row) => {
    const number = row[DETAIL];
    if (number < 0) return {};
    const chunk = Math.floor(number / 256);
    if (!chunks.has(chunk)) chunks.set(chunk, JSON.parse($(`details-${chunk}`).textContent));
    return chunks.get(chunk)[number % 256];
  };

  const pair = (list, name, value) => {
    if (!value || value.length === 0) return;
    list.append(make("dt", "", name));
    const dd = make("dd");
    if (Array.isArray(value)) dd.append(make("pre", "", value.join("\n")));
    else dd.append(value);
    list.append(dd);
  };
  const command = (text) => {
    if (!text) return undefined;
    const box = make("span", "copy");
    const button = make("button", "plain", "copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${text}`);
    box.append(make("code", "", text), " ", button);
    return box;
  };

  const fill = (body, row) => {
    const detail = detailOf(row);
    const list = make("dl");
    pair(list, "id", command(id(row)));
    pair(list, "case", data.titles[row[TITLE]]);
    pair(list, "clause", `${data.clauses[row[CLAUSE]]} (${row[LEVEL]}), input class ${row[CLASS]}`);
    pair(list, "module", data.modules[row[MODULE]]);
    pair(list, "verdict", detail.verdict);
    pair(list, "reading", detail.reading);
    if (!detail.findings) pair(list, "reason", row[HEADLINE]);
    pair(list, "findings", detail.findings);
    pair(list, "end", detail.end);
    pair(list, "waived", detail.waived);
    pair(list, "confirmed", detail.confirmed);
    pair(list, "calls", detail.calls);
    pair(list, "module wrote", detail.wrote && [detail.wrote]);
    pair(list, "reproducer", command(detail.reproducer));
    pair(list, "replay", command(detail.replay));
    body.append(list);
  };

  const rowOf = (at) => {
    const row = cases[at];
    const [words, className] = data.kinds[row[KIND]];
    const item = make("li");
    const details = make("details");
    const summary = make("summary");
    const text = make("span", "what");
    text.append(make("span", "code", id(row)), make("span", "soft headline", row[HEADLINE] || data.titles[row[TITLE]]));
    summary.append(make("span", `badge ${className}`, words), text);
    if (data.modules.length > 1) summary.append(make("span", "of soft", data.modules[row[MODULE]]));
    const body = make("div", "detail");
    details.append(summary, body);
    details.addEventListener("toggle", () => { if (details.open && !body.firstChild) fill(body, row); });
    item.append(details);
    return item;
  };

  const show = () => {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    const first = page * PAGE;
    const shown = found.slice(first, first + PAGE);
    $("list").replaceChildren(...shown.map(rowOf));
    $("list").start = first + 1;
    const count = (n) => n.toLocaleString("en");
    $("status").textContent = found.length === cases.length
      ? `${count(found.length)} cases` : `${count(found.length)} of ${count(cases.length)} cases`;
    $("pages").hidden = pages === 1;
    $("page").textContent = `page ${count(page + 1)} of ${count(pages)}`;
    $("prev").disabled = page === 0;
    $("next").disabled = page === pages - 1;
  };

  const keep = () => {
    const state = new URLSearchParams();
    if ($("q").value) state.set("q", $("q").value);
    if (module.value !== "") state.set("m", module.value);
    if ($("o").value !== "kind") state.set("o", $("o").value);
    state.set("k", chips.filter((chip) => chip.checked).map((chip) => chip.value).join("."));
    history.replaceState(null, "", `#cases?${state}`);
  };
  const set = ({ q, m, o, k }) => {
    if (q !== undefined) $("q").value = q;
    if (m !== undefined) module.value = m;
    if (o !== undefined && o in orders) $("o").value = o;
    if (k !== undefined) for (const chip of chips) chip.checked = k === "*" || k.split(".").includes(chip.value);
  };

  // What asks for attention is shown first; all there is, if nothing does.
  const QUIET = data.kinds.findIndex(([words]) => words === "pass");
  const telling = chips.filter((chip) => +chip.value < QUIET).map((chip) => chip.value).join(".");
  set({ k: telling || "*" });
  if (location.hash.startsWith("#cases?")) {
    set(Object.fromEntries(new URLSearchParams(location.hash.slice(7))));
    filter();
    $("cases").scrollIntoView();
  } else {
    filter();
  }

  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { filter(); keep(); }, 60);
  };
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("q").addEventListener("input", soon);
  $("filters").addEventListener("change", () => { filter(); keep(); });
  for (const [button, on] of [["all", true], ["none", false]]) {
    $(button).addEventListener("click", () => {
      for (const chip of chips) chip.checked = on;
      filter();
      keep();
    });
  }
  const turn = (by) => {
    page += by;
    show();
    $("status").scrollIntoView({ block: "start" });
    $("list").querySelector("summary")?.focus({ preventScroll: true });
  };
  $("prev").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $("q").focus();
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-m]");
    if (!link) return;
    event.preventDefault();
    const { q, m, k } = link.dataset;
    set({ q, m, k: k ?? "*" });
    filter();
    keep();
    $("cases").scrollIntoView();
    $("list").querySelector("summary")?.focus({ preventScroll: true });
  });
})();
