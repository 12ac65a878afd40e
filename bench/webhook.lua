-- Posts one signed Interakt webhook over and over. The signature is that of `body` with the key
-- "bench-secret".
local body = '{"version":"1.0","timestamp":"2026-01-05T10:00:05.120000","type":"message_api_delivered","data":{"customer":{"id":"c-1","channel_phone_number":"919812300001"},"message":{"id":"bsp-1","chat_message_type":"PublicApiMessage","message_status":"Delivered","delivered_at_utc":"2026-01-05T10:00:03.000000","meta_data":{"source":"PublicInterakt","source_data":{"callback_data":"wp-1-1"}}}}}'
wrk.method = "POST"
wrk.body = body
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Interakt-Signature"] = "sha256=f699757cc0e26d73d3691e841fadd9eea1676d56dccccd3585b7af977ac61251"
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) other = 0 end
function response(status, headers, body) if status ~= 200 then other = other + 1 end end
function done(summary, latency, requests)
  local other = 0
  for _, thread in ipairs(threads) do other = other + thread:get("other") end
  local e = summary.errors
  print(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"max":%f,"not_200":%d,"failures":0,"socket_errors":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    latency.max / 1e6, other, e.connect + e.read + e.write + e.timeout))
end
