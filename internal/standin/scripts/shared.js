// What the scripts of several third parties do alike. Each is one function, with
// this before it.

const secondsOf = { minute: 60, day: 86400 };

function read(name) {
  for (const part of document.cookie.split("; ")) {
    if (part.startsWith(name + "=")) return part.slice(name.length + 1);
  }
}

function write(name, value, domain, rest) {
  document.cookie = name + "=" + value + (domain ? "; domain=" + domain : "") + rest;
  return read(name) === value;
}

// keep writes a cookie for a number of seconds, or for the session where that is 0,
// on the highest domain that takes it: a browser takes none on a public suffix, and
// says so by not having it afterwards.
function keep(name, value, seconds, flags = "", domain = "auto") {
  const rest = "; path=/" + (seconds ? "; max-age=" + seconds : "") + (flags ? "; " + flags : "");
  if (domain !== "auto") {
    write(name, value, domain === "none" ? "" : domain, rest);
    return;
  }
  const labels = location.hostname.split(".");
  const probe = value + "-"; // one that the cookie does not have yet
  for (let n = 1; n <= labels.length; n++) {
    const parent = labels.slice(-n).join(".");
    if (write(name, probe, parent, rest)) {
      write(name, value, parent, rest);
      return;
    }
  }
  write(name, value, "", rest);
}

// tell sends something that no answer is needed for, even from a page that is left.
function tell(address, body) {
  if (!navigator.sendBeacon(address, body)) {
    fetch(address, { method: "POST", body, mode: "no-cors", credentials: "include", keepalive: true });
  }
}

