-- Posts template messages with unique ids and prints one line of JSON at the end.
local thread_count = 0
function setup(thread)
  thread_count = thread_count + 1
  thread:set("id", thread_count)
end
function init(args)
  math.randomseed(os.time() * 1000 + id)
  run = math.random(1, 1e9)
  n = 0
  bad = 0
  other = 0
  headers = { ["Content-Type"] = "application/json", ["Authorization"] = os.getenv("BENCH_AUTHORIZATION") }
end
function request()
  n = n + 1
  local mid = string.format("%d%d%d|1767225600|20260105|%d|1", run, id, n, n)
  local body = '{"payloadVersion":0.1,"to":"+1555' .. string.format("%07d", n % 10000000) ..
    '","wabaNumber":"15550001111","isTemplate":true,"msgId":"' .. mid ..
    '","template":{"namespace":"order_ready_v2","languageCode":"en"},"components":[' ..
    '{"type":"header","header":{"type":"image","image":{"mediaURL":"https://cdn.example.org/a.jpg"}}},' ..
    '{"type":"body","body":{"text":"Hello Mira, order 88 is ready","parameters":[{"type":"text","text":"Mira"},{"type":"text","text":"88"}]}},' ..
    '{"type":"button","index":0,"subType":"dynamicUrl","buttonText":"Track","parameters":[{"type":"text","text":"t/88"}]},' ..
    '{"customProps":[{"costCentre":"blue"}]}]}'
  return wrk.format("POST", nil, headers, body)
end
function response(status, headers, body)
  if status ~= 200 then other = other + 1
  elseif not body:find('"success"') then bad = bad + 1 end
end
threads = {}
local original = setup
function setup(thread) original(thread); table.insert(threads, thread) end
function done(summary, latency, requests)
  local bad, other = 0, 0
  for _, thread in ipairs(threads) do bad = bad + thread:get("bad"); other = other + thread:get("other") end
  local e = summary.errors
  print(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"max":%f,"not_200":%d,"failures":%d,"socket_errors":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    latency.max / 1e6, other, bad, e.connect + e.read + e.write + e.timeout))
end
