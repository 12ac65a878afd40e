// Copy buttons, buttons that post, rows of headers. Without JavaScript the pages work, less handily.
(() => {
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // On plain http, browsers allow only the old copy command.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  const post = (url) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = url;
    const token = document.createElement("input");
    token.type = "hidden";
    token.name = "csrfmiddlewaretoken";
    token.value = document.querySelector("[name=csrfmiddlewaretoken]").value;
    const confirmed = document.createElement("input");
    confirmed.type = "hidden";
    confirmed.name = "confirmed";
    confirmed.value = "yes";
    form.append(token, confirmed);
    document.body.append(form);
    form.submit();
  };

  // Django's own widget says what its filters do in a label that no role allows.
  window.addEventListener("load", () => {
    setTimeout(() => {
      for (const help of document.querySelectorAll(".help-tooltip[aria-label]"))
        help.setAttribute("role", "img");
    });
  });

  // The server writes times in the reader's zone, from the next page on.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) {
    const lasting = "path=/admin/; max-age=31536000; samesite=lax";
    // biome-ignore lint/suspicious/noDocumentCookie: the store for cookies needs a secure context
    document.cookie = `zone=${zone}; ${lasting}${location.protocol === "https:" ? "; secure" : ""}`;
  }

  document.addEventListener("click", async (event) => {
    const target = event.target.closest("[data-copy],[data-post],[data-add-row],[data-remove-row]");
    if (!target) return;
    event.preventDefault();
    if (target.hasAttribute("data-copy")) {
      await copy(document.getElementById(target.dataset.copy).textContent);
      const label = target.querySelector("span:last-child");
      const before = label.textContent;
      label.textContent = label.matches(".material-symbols-outlined") ? "check" : "Copied";
      target.classList.add("wp-copied");
      setTimeout(() => {
        label.textContent = before;
        target.classList.remove("wp-copied");
      }, 1500);
    } else if (target.hasAttribute("data-post")) {
      post(target.href);
    } else if (target.hasAttribute("data-add-row")) {
      const rows = target.closest(".wp-rows");
      const row = rows.querySelector("template").content.cloneNode(true);
      target.before(row);
    } else {
      target.closest(".wp-row").remove();
    }
  });
})();
