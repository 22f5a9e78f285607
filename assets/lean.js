// A tooltip need not be told what happens to what it stands beside: that draws itself. Dash's
// renderer would walk through the whole page for each of some fifty, at every change of anything.
delete window.dash_mantine_components.Tooltip.dashChildrenUpdate;
