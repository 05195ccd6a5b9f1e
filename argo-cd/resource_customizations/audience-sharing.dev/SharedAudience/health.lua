-- Of a generation that the operator has not judged yet, nothing is known.
local health = { status = "Progressing", message = "Waiting for the operator" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "Being deleted"
  return health
end

if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end

local function is(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

if conditions.Ready ~= nil then
  health.message = conditions.Ready.message
end
if is("Suspended") then
  -- The other conditions are those of the last reconcile.
  health.status = "Suspended"
  health.message = conditions.Suspended.message
elseif is("Stalled") then
  health.status = "Degraded"
elseif is("Ready") then
  health.status = "Healthy"
end
return health
