// The filters of the stats pages. Without JavaScript they work, less handily.
const form = document.querySelector("[data-filters]");
const live = document.getElementById("stats-live");

const dayPicker = (end, range) => {
  const day = document.createElement("input");
  day.type = "date";
  day.tabIndex = -1;
  day.setAttribute("aria-hidden", "true");
  day.style.cssText = "height:0;opacity:0;padding:0;position:absolute;width:0";
  const pick = document.createElement("button");
  pick.type = "button";
  pick.className = "st-pick";
  pick.textContent = "pick a day";
  pick.addEventListener("click", () => day.showPicker());
  day.addEventListener("change", () => {
    end.value = day.value;
    range.value = "";
  });
  end.labels[0].append(" ", pick);
  end.labels[0].after(day);
};

const SOON = 200; // milliseconds until somebody who types has stopped
const searched = (field, campaign) => {
  let timer;
  let last;
  const look = async () => {
    const wanted = { of: field.name, q: field.value, campaign: campaign?.value ?? "" };
    const query = new URLSearchParams(wanted).toString();
    if (query === last) return;
    last = query;
    const answer = await fetch(`${form.dataset.names}?${query}`);
    if (!answer.ok || query !== last) return;
    const { names } = await answer.json();
    field.list.replaceChildren(...names.map(([value, label]) => new Option(label, value)));
  };
  field.addEventListener("focus", look);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, SOON);
  });
};

const enhance = ({ range, from, to, tz, campaign, variant, template }) => {
  for (const field of [campaign, variant, template].filter(Boolean)) searched(field, campaign);
  range?.addEventListener("change", () => {
    if (range.value) from.value = to.value = "";
  });
  for (const end of [from, to].filter(Boolean)) {
    end.addEventListener("input", () => {
      range.value = "";
    });
    dayPicker(end, range);
  }
  tz?.addEventListener("focus", () => {
    if (!tz.list || tz.list.options.length) return;
    for (const zone of Intl.supportedValuesOf("timeZone")) tz.list.append(new Option(zone, zone));
  });
};

const wait = (waiting) => {
  document.querySelector("[data-loading]").textContent = waiting ? "Loading …" : "";
  live.setAttribute("aria-busy", waiting);
};

if (form) {
  enhance(form.elements);
  form.addEventListener("submit", () => {
    // Addresses are for sharing: what says nothing stays out of them.
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    wait(true);
  });
  // Back from another page, out of the browser's memory.
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    for (const field of form.elements) field.disabled = false;
    wait(false);
  });
}
