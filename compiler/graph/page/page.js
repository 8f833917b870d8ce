// The page of `policyc graph -o html`. Text from manifests goes into the page as text alone (textContent, setAttribute of
// names that are no handlers); there is no innerHTML. What is shown is a function of `state`, and `state` stands in the
// address's fragment, so that a view can be kept and sent.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const kMaxEdges = 1500;  // drawn at a time
  const kMaxListed = 200;
  const kMaxCounted = 20000;
  const state = { search: "", namespace: "", label: "", select: "", expand: new Set() };
  const units = data.units;
  const byId = (id) => document.getElementById(id);

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  function draw(tag, attributes, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // ---- the model

  // Units of one namespace are neighbours; so are nodes, and the world.
  const blocks = [];  // {key, name, first, last}
  for (const unit of units) {
    const name = unit.kind === "endpoints" ? unit.namespace || "(no namespace)" : unit.kind;
    const last = blocks[blocks.length - 1];
    if (last && last.name === name && last.kind === unit.kind) {
      last.last = unit.id;
    } else {
      blocks.push({ key: "n" + blocks.length, name, kind: unit.kind, first: unit.id, last: unit.id });
    }
    unit.block = blocks[blocks.length - 1];
    unit.words = [unit.name, ...(unit.endpoints || []), ...(unit.members || []), ...(unit.labels || [])].join("\n").toLowerCase();
  }
  const blockByName = new Map(blocks.filter((block) => block.kind === "endpoints").map((block) => [block.name, block]));

  const allPorts = (entry) => data.portSets[entry.ports];
  const hasL7 = (set) => set.ports.some((span) => span.l7);
  const hasAuth = (set) => set.ports.some((span) => span.authenticated);
  const itself = (from, to) => from === to && units[to].count === 1;

  function rowOf(unit, direction, peer) {
    if (unit.shape === undefined) return null;
    const answers = data.shapes[unit.shape][direction];
    let low = 0;
    let high = answers.others.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (answers.others[middle][0] < peer.class) low = middle + 1; else high = middle;
    }
    const hit = low < answers.others.length && answers.others[low][0] === peer.class;
    return { answers, segments: data.rows[hit ? answers.others[low][1] : answers.usual] };
  }

  // ---- filters

  function matches(unit) {
    if (state.namespace && unit.block.name !== state.namespace) return false;
    if (state.label && !(unit.labels || []).includes(state.label)) return false;
    return !state.search || unit.words.includes(state.search.toLowerCase());
  }

  // Calls visit(fromFirst, fromLast, toFirst, toLast, connection) for each pair of runs.
  function eachRun(visit) {
    for (const connection of data.connections) {
      for (const [toFirst, toLast] of connection.to) {
        for (const [first, last] of data.sources[connection.from]) visit(first, last, toFirst, toLast, connection);
      }
    }
  }

  // What is drawn: nodes (units, or blocks of them) and edges.
  function view() {
    const filtered = Boolean(state.search || state.namespace || state.label);
    const good = units.map((unit) => !filtered || matches(unit));
    const before = [0];  // how many good units come before each
    for (const one of good) before.push(before[before.length - 1] + (one ? 1 : 0));
    const next = new Array(units.length + 1).fill(units.length);  // the next good unit
    for (let id = units.length - 1; id >= 0; --id) next[id] = good[id] ? id : next[id + 1];
    const goodIn = (first, last) => before[last + 1] - before[first];
    let connections = 0;
    eachRun((first, last, toFirst, toLast) => {
      const sources = last - first + 1;
      const destinations = toLast - toFirst + 1;
      connections += sources * destinations - (sources - goodIn(first, last)) * (destinations - goodIn(toFirst, toLast));
    });
    const together = connections > kMaxEdges;
    const nodes = new Map();
    const nodeOf = (id) => {
      const unit = units[id];
      const whole = together && !state.expand.has(unit.block.name);
      const key = whole ? unit.block.key : "u" + id;
      if (!nodes.has(key)) nodes.set(key, { key, whole, unit: whole ? null : unit, block: unit.block });
      return nodes.get(key);
    };
    // The last unit that has the same node as `id`.
    const nodeEnd = (id) => (together && !state.expand.has(units[id].block.name) ? units[id].block.last : id);
    const edges = new Map();
    let left = 0;
    eachRun((first, last, toFirst, toLast, connection) => {
      for (let to = toFirst; to <= toLast;) {
        const toEnd = Math.min(toLast, nodeEnd(to));
        const wanted = goodIn(to, toEnd) > 0;
        for (let from = wanted ? first : Math.max(first, next[first]); from <= last;) {
          const fromEnd = Math.min(last, nodeEnd(from));
          if (!wanted && from === fromEnd && !good[from]) {
            from = next[from];
            continue;
          }
          if (goodIn(from, fromEnd) + goodIn(to, toEnd) > 0 && !(from === fromEnd && to === toEnd && itself(from, to))) {
            const key = nodeOf(from).key + "-" + nodeOf(to).key;
            let edge = edges.get(key);
            if (!edge && edges.size >= kMaxEdges) {
              ++left;
            } else {
              if (!edge) edges.set(key, edge = { key, from: nodeOf(from), to: nodeOf(to), count: 0, ports: new Set() });
              edge.count += (fromEnd - from + 1) * (toEnd - to + 1);
              edge.ports.add(connection.ports);
            }
          }
          from = fromEnd + 1;
        }
        to = toEnd + 1;
      }
    });
    units.forEach((unit, id) => { if (good[id] && unit.kind === "endpoints" && nodes.size < 4 * kMaxEdges) nodeOf(id); });
    const used = new Set();
    for (const edge of edges.values()) used.add(edge.from.key).add(edge.to.key);
    for (const [key, node] of nodes) {
      if (!used.has(key) && node.block.kind !== "endpoints") nodes.delete(key);
    }
    return { nodes, edges, connections, together, left };
  }

  // ---- text

  const label = (node) => node.whole ? node.block.name : node.unit.name;
  // In the column of its namespace.
  const shortLabel = (node) => {
    const own = node.block.name + "/";
    return !node.whole && node.unit.name.startsWith(own) ? node.unit.name.slice(own.length) : label(node);
  };
  const portsText = (edge) => {
    const texts = [...edge.ports].map((id) => data.portSets[id].text);
    return texts.length > 3 ? texts.slice(0, 3).join("; ") + " and " + (texts.length - 3) + " more" : texts.join("; ");
  };
  const kindOf = (edge) => {
    const sets = [...edge.ports].map((id) => data.portSets[id]);
    return sets.some(hasAuth) ? "auth" : sets.some(hasL7) ? "l7" : "";
  };

  function button(text, select) {
    const node = make("button", { class: "link", type: "button", "data-select": select }, text);
    node.addEventListener("click", () => choose(select));
    return node;
  }
  function choose(select) {
    state.select = select;
    const whole = /^n(\d+)$/.exec(select);
    if (whole) toggle(blocks[Number(whole[1])]);
    refresh();
    const chosen = document.querySelector('#picture [data-select="' + CSS.escape(select) + '"]');
    if (chosen && chosen.focus) chosen.focus({ preventScroll: true });
  }
  function toggle(block) {
    if (!state.expand.delete(block.name)) state.expand.add(block.name);
  }

  function rulesOf(title, row) {
    const list = make("ul");
    const line = (text, rule, extra) => {
      const item = make("li", { class: "rule" }, text + " ");
      if (rule !== undefined) {
        const { object, path, file, line: number } = data.rules[rule];
        item.append(object + (path ? " " + path : "") + " ");
        if (file) item.append(make("code", {}, file + ":" + number));
      }
      if (extra) item.append(extra);
      list.append(item);
    };
    if (!row) {
      line("not a pod: nothing is asked");
    } else if (!row.answers.restricted) {
      line("not restricted: no policy selects it in this direction");
    } else {
      const together = new Map();  // one line for each rule and verdict
      const isAny = (span) => span.protocol === "any";
      const named = row.segments.filter((span) => !isAny(span));
      const others = named.length > 0 ? "every other protocol" : "any port";
      for (const span of [...named, ...row.segments.filter(isAny)]) {
        const every = span.first === 0 && span.last === 65535;
        const ports = span.protocol + (every ? "" : "/" + span.first + (span.last > span.first ? "-" + span.last : ""));
        const text = span.verdict + (span.l7 ? " to " + span.l7 : "") + (span.audited ? " (audited)" : "") + (span.rule === undefined ? "" : " by");
        const key = text + " " + span.rule;
        if (!together.has(key)) together.set(key, { text, rule: span.rule, ports: [] });
        together.get(key).ports.push(isAny(span) ? others : ports);
      }
      for (const { text, rule, ports } of together.values()) line(ports.join(", ") + ": " + text, rule);
      for (const rule of row.answers.defaultDenyBy || []) line("all else: default deny by", rule);
    }
    return [make("h3", {}, title), list];
  }

  function connectionOf(from, to) {
    const inside = (runs, id) => runs.some(([first, last]) => first <= id && id <= last);
    return data.connections.find((one) => inside(one.to, to.id) && inside(data.sources[one.from], from.id));
  }

  function pairDetail(from, to) {
    const connection = connectionOf(from, to);
    return [
      make("h2", {}, from.name + " \u2192 " + to.name),
      make("p", { id: "ports" }, "Ports: " + (connection ? data.portSets[connection.ports].text : "none")),
      ...rulesOf("Egress of " + from.name, rowOf(from, "egress", to)),
      ...rulesOf("Ingress of " + to.name, rowOf(to, "ingress", from)),
    ];
  }

  // Pairs of units of two nodes.
  function listed(title, pairs) {
    const list = make("ul");
    let count = 0;
    for (const [text, select, ports, l7] of pairs) {
      if (++count > kMaxCounted) break;
      if (count > kMaxListed) continue;
      list.append(make("li", l7 ? { class: "l7" } : {}, button(text, select), make("span", { class: "ports" }, " " + ports)));
    }
    if (count > kMaxListed) list.append(make("li", {}, "and " + (count > kMaxCounted ? "many" : count - kMaxListed) + " more"));
    if (count === 0) list.append(make("li", {}, "none"));
    return [make("h3", {}, title), list];
  }
  function* pairsBetween(from, to) {
    const span = (node) => node.whole ? [node.block.first, node.block.last] : [node.unit.id, node.unit.id];
    const [fromFirst, fromLast] = span(from);
    const [toFirst, toLast] = span(to);
    for (const connection of data.connections) {
      const set = allPorts(connection);
      for (const [b0, b1] of connection.to) {
        for (let b = Math.max(b0, toFirst); b <= Math.min(b1, toLast); ++b) {
          for (const [a0, a1] of data.sources[connection.from]) {
            for (let a = Math.max(a0, fromFirst); a <= Math.min(a1, fromLast); ++a) {
              if (!itself(a, b)) yield [units[a].name + " \u2192 " + units[b].name, "u" + a + "-u" + b, set.text, hasL7(set)];
            }
          }
        }
      }
    }
  }
  function* reaching(unit, incoming) {
    for (const connection of data.connections) {
      const set = allPorts(connection);
      const mine = incoming ? connection.to : data.sources[connection.from];
      if (!mine.some(([first, last]) => first <= unit.id && unit.id <= last)) continue;
      for (const [first, last] of incoming ? data.sources[connection.from] : connection.to) {
        for (let other = first; other <= last; ++other) {
          if (itself(unit.id, other)) continue;
          yield [units[other].name, incoming ? "u" + other + "-u" + unit.id : "u" + unit.id + "-u" + other, set.text, hasL7(set)];
        }
      }
    }
  }

  function unitDetail(unit) {
    const restricted = (direction) => {
      const answers = unit.shape === undefined ? null : data.shapes[unit.shape][direction];
      return !answers ? "not asked" : answers.restricted ? "restricted" : "not restricted";
    };
    const parts = [make("h2", {}, unit.name)];
    if (unit.kind === "endpoints") {
      const names = unit.endpoints.slice(0, 20).join(", ");
      parts.push(make("p", {}, unit.count + (unit.count === 1 ? " pod: " : " pods: ") + names + (unit.count > 20 ? ", \u2026" : "")));
      parts.push(make("p", { class: "ports" }, (unit.labels || []).join(", ")));
      parts.push(make("p", {}, "Ingress " + restricted("ingress") + ", egress " + restricted("egress") + "."));
    } else {
      parts.push(make("p", {}, unit.members.join(", ")));
    }
    return [...parts, ...listed("Reached from", reaching(unit, true)), ...listed("May reach", reaching(unit, false))];
  }

  function detail(shown) {
    const place = byId("detail");
    place.replaceChildren();
    const nth = /^edge(\d+)$/.exec(state.select);
    if (nth) state.select = [...shown.edges.keys()][Number(nth[1])] || "";
    const pair = /^u(\d+)-u(\d+)$/.exec(state.select);
    const one = /^u(\d+)$/.exec(state.select);
    const edge = shown.edges.get(state.select);
    const block = /^n(\d+)$/.exec(state.select);
    if (pair && units[pair[1]] && units[pair[2]]) {
      place.append(...pairDetail(units[pair[1]], units[pair[2]]));
    } else if (one && units[one[1]]) {
      place.append(...unitDetail(units[one[1]]));
    } else if (edge) {
      place.append(make("h2", {}, label(edge.from) + " \u2192 " + label(edge.to)), ...listed(edge.count + " connections", pairsBetween(edge.from, edge.to)));
    } else if (block && blocks[block[1]]) {
      const { name, first, last } = blocks[block[1]];
      place.append(make("h2", {}, name), make("p", {}, (last - first + 1) + " groups"));
      const list = make("ul");
      for (let id = first; id <= Math.min(last, first + kMaxListed); ++id) list.append(make("li", {}, button(units[id].name, "u" + id)));
      place.append(list);
    } else {
      place.append(make("p", {}, "Choose a node or a connection to see its rules, with file and line."));
    }
  }

  function edgeList(shown) {
    const place = byId("list");
    place.replaceChildren(...listed("Connections shown", [...shown.edges.values()].map((edge) =>
      [label(edge.from) + " \u2192 " + label(edge.to), edge.key, portsText(edge), kindOf(edge) === "l7"])));
  }

  // ---- the picture: columns by namespace, as in the SVG output

  function picture(shown) {
    const boxes = new Map();
    const svg = draw("svg", { role: "group", "aria-label": "Picture of the connections" });
    const defs = draw("defs", {});
    const marker = draw("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto" });
    marker.append(draw("path", { d: "M0 0L8 4L0 8z", fill: "#333" }));
    defs.append(marker);
    svg.append(defs);
    const outside = (node) => node.block.kind !== "endpoints";
    const columns = new Map();
    const ordered = [...shown.nodes.values()].sort((a, b) => (a.whole ? a.block.first : a.unit.id) - (b.whole ? b.block.first : b.unit.id));
    for (const node of [...ordered.filter(outside), ...ordered.filter((node) => !outside(node))]) {
      const name = outside(node) ? "outside" : node.whole ? "namespaces" : "ns " + node.block.name;
      if (!columns.has(name)) columns.set(name, []);
      columns.get(name).push(node);
    }
    const heads = [];
    let x = 20;
    let height = 100;
    for (const [name, column] of columns) {
      for (let begin = 0; begin < column.length; begin += 40) {
        const part = column.slice(begin, begin + 40);
        const width = Math.max(120, ...part.map((node) => Math.min(46, shortLabel(node).length) * 7 + 20));
        heads.push(draw("text", { class: "head", x, y: 22 }, name.startsWith("ns ") ? name.slice(3) : name));
        part.forEach((node, i) => boxes.set(node.key, { x, y: 36 + i * 38, width, node }));
        height = Math.max(height, 36 + part.length * 38 + 20);
        x += width + 120;
      }
    }
    const near = new Set();
    const chosenEdge = (edge) => state.select === edge.key;
    const chosenNode = (node) => state.select === node.key;
    for (const edge of shown.edges.values()) {
      if (chosenEdge(edge) || chosenNode(edge.from) || chosenNode(edge.to)) near.add(edge.key).add(edge.from.key).add(edge.to.key);
    }
    const dim = (key) => near.size > 0 && !near.has(key) ? " dim" : "";
    for (const edge of shown.edges.values()) {
      const from = boxes.get(edge.from.key);
      const to = boxes.get(edge.to.key);
      const x1 = from.x + from.width;
      const [y1, y2] = [from.y + 13, to.y + 13];
      const back = to.x < x1;
      const x2 = back ? to.x + to.width : to.x;
      const bend = back ? 40 + Math.abs(y2 - y1) / 6 : 60;
      const path = draw("path", {
        class: "edge " + kindOf(edge) + (chosenEdge(edge) ? " chosen" : "") + dim(edge.key),
        d: `M${x1} ${y1}C${x1 + bend} ${y1} ${back ? x2 + bend : x2 - bend} ${y2} ${x2} ${y2}`,
        "marker-end": "url(#arrow)", "data-select": edge.key,
      });
      path.append(draw("title", {}, label(edge.from) + " \u2192 " + label(edge.to) + ": " + portsText(edge)));
      path.addEventListener("click", () => choose(edge.key));
      svg.append(path);
    }
    for (const [key, box] of boxes) {
      const count = (box.node.whole ? " (" + (box.node.block.last - box.node.block.first + 1) + " groups)" : box.node.unit.count > 1 ? " (" + box.node.unit.count + ")" : "");
      const text = shortLabel(box.node) + count;
      const group = draw("g", {
        class: "node" + (box.node.whole ? " whole" : "") + (chosenNode(box.node) ? " chosen" : "") + dim(key),
        tabindex: 0, role: "button", "aria-label": label(box.node) + count, "data-select": key,
      });
      group.append(draw("title", {}, label(box.node) + count), draw("rect", { x: box.x, y: box.y, width: box.width, height: 26, rx: 4 }),
        draw("text", { x: box.x + 8, y: box.y + 17 }, text.length > 48 ? text.slice(0, 47) + "\u2026" : text));
      group.addEventListener("click", () => choose(key));
      group.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose(key);
      });
      svg.append(group);
    }
    svg.append(...heads);
    svg.setAttribute("width", x);
    svg.setAttribute("height", height);
    byId("picture").replaceChildren(svg);
    const shownEdge = shown.edges.get(state.select);
    const seen = svg.querySelector('[data-select="' + CSS.escape(shownEdge ? shownEdge.from.key : state.select) + '"]');
    if (seen) seen.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // ---- state and address

  function refresh() {
    const shown = view();
    detail(shown);
    picture(shown);
    edgeList(shown);
    let text = shown.connections + " connections";
    if (shown.together) text += ", more than " + kMaxEdges + ": shown by namespace; choose a namespace to open it";
    if (shown.left > 0) text += "; " + kMaxEdges + " edges drawn, more left out";
    byId("status").textContent = text;
    const address = new URLSearchParams();
    for (const key of ["search", "namespace", "label", "select"]) if (state[key]) address.set(key, state[key]);
    for (const name of state.expand) address.append("expand", name);
    const fragment = "#" + address.toString();
    if (fragment !== location.hash && (location.hash || fragment !== "#")) history.replaceState(null, "", fragment);
  }

  function readAddress() {
    const address = new URLSearchParams(location.hash.slice(1));
    for (const key of ["search", "namespace", "label", "select"]) state[key] = address.get(key) || "";
    state.expand = new Set(address.getAll("expand"));
    for (const key of ["search", "namespace", "label"]) byId(key).value = state[key];
    refresh();
  }

  for (const name of blockByName.keys()) byId("namespace").append(make("option", { value: name }, name));
  const labels = new Set();
  for (const unit of units) for (const one of unit.labels || []) if (labels.size < 2000) labels.add(one);
  byId("labels").append(...[...labels].sort().map((one) => make("option", { value: one })));
  for (const key of ["search", "namespace", "label"]) {
    byId(key).addEventListener("input", () => { state[key] = byId(key).value; state.select = ""; refresh(); });
  }
  byId("reset").addEventListener("click", () => { location.hash = ""; readAddress(); byId("search").focus(); });
  window.addEventListener("hashchange", readAddress);
  readAddress();
})();
