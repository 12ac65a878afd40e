// Copy buttons, buttons that post, rows of headers. Without JavaScript the pages work, less handily.
(() => {
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // Plain http: browsers keep the clipboard to the old command.
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

  document.addEventListener("click", async (event) => {
    const target = event.target.closest("[data-copy],[data-post],[data-add-row],[data-remove-row]");
    if (!target) return;
    event.preventDefault();
    if (target.hasAttribute("data-copy")) {
      await copy(document.getElementById(target.dataset.copy).textContent);
      const label = target.querySelector("span:last-child");
      const before = label.textContent;
      label.textContent = "Copied";
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
