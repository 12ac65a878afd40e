// A filter as the builder's form holds it, and as the server reads it: JSON with `match` and `groups`.

export const blank = () => ({ name: "", op: "is", text: "" });

export const hint = (op) => {
  if (["is", "is_not", "contains", "begins"].includes(op)) return "Value, or one a line";
  if (["before", "from"].includes(op)) return "2026-03-31";
  return ["last_days", "next_days"].includes(op) ? "Days" : "Number";
};

// One test of a property: the form has its values as lines of a text.
export const readTest = ({ name, op, values }) => ({ name, op, text: (values ?? []).join("\n") });

export const writeTest = ({ name, op, text }) => ({
  name: name.trim(),
  op,
  values: ["known", "unknown"].includes(op) ? [] : linesOf(text),
});

const linesOf = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

const wholeNumber = (text) => (text === "" || text === null || text === undefined ? null : Number(text));

// Each kind of condition: a new one, one that the server wrote, and one for the server.
const KINDS = {
  attribute: {
    fresh: blank,
    read: readTest,
    write: writeTest,
  },
  field: {
    fresh: () => ({ ...blank(), name: "name" }),
    read: readTest,
    write: writeTest,
  },
  consent: {
    fresh: () => ({ state: "opted_in" }),
    read: ({ state }) => ({ state }),
    write: ({ state }) => ({ state }),
  },
  message: {
    fresh: () => ({ did: "yes", what: "received", campaign: "", template: "", days: "30" }),
    read: (found) => ({ ...found, ...readDeed(found) }),
    write: ({ did, what, campaign, template, days }) => ({
      did: did === "yes",
      what,
      campaign: campaign.trim(),
      template: template.trim(),
      days: wholeNumber(days),
    }),
  },
  event: {
    fresh: () => ({ did: "yes", name: "", times: "1", days: "30", where: [] }),
    read: (found) => ({ ...found, ...readDeed(found), where: (found.where ?? []).map(readTest) }),
    write: ({ did, name, times, days, where }) => ({
      did: did === "yes",
      name: name.trim(),
      times: wholeNumber(times) ?? 1,
      days: wholeNumber(days),
      where: where.map(writeTest),
    }),
  },
};

const readDeed = ({ did, days }) => ({ did: did === false ? "no" : "yes", days: days ?? "" });

export const freshCondition = (kind) => ({ kind, ...KINDS[kind].fresh() });

const readCondition = (found) => ({ ...freshCondition(found.kind), ...KINDS[found.kind].read(found) });

const writeCondition = (condition) => ({ kind: condition.kind, ...KINDS[condition.kind].write(condition) });

export const readFilter = (filter) => ({
  match: filter?.match ?? "all",
  groups: (filter?.groups ?? []).map(({ match, conditions }) => ({
    match: match ?? "all",
    conditions: (conditions ?? []).map(readCondition),
  })),
});

export const writeFilter = ({ match, groups }) => ({
  match,
  groups: groups.map((group) => ({ match: group.match, conditions: group.conditions.map(writeCondition) })),
});

// A group without conditions would mean everybody: it goes with its last condition.
export const removeCondition = (groups, group, condition) => {
  groups[group].conditions.splice(condition, 1);
  if (!groups[group].conditions.length) groups.splice(group, 1);
};

// What the text of the form's field means; undefined when somebody wrote it by hand and it is not JSON.
export const parse = (text) => {
  try {
    return JSON.parse(text || "null");
  } catch {
    return undefined;
  }
};
